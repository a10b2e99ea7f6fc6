"""What the study costs: the tables that ``make bench`` leaves in the book, beside what was asked, and a projection.

Nothing is measured here. Times are of one machine (``machine.json``); ratios are of variants run in turns on it.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fairlib import cards
from fairlib.recipes import RECIPES
from fairlib.report.provenance import Provenance
from fairlib.strategies import STRATEGIES

from ..pages.provenance import collected
from .kept import Costs

#: The shape of a window, (timesteps, channels), of the datasets of the paper.
SHAPES = {"mimic": "(48, 76)", "mesa": "(101, 5)", "globem": "(28, 1390)"}


@dataclass(frozen=True)
class Asked:
    """How many times as fast as ``than`` the variant ``of`` should be; ``cases`` may ask differently."""

    topic: str
    of: str
    than: str
    times: float | None = None  # None: reported, nothing asked
    cases: tuple[tuple[str, float], ...] = ()

    def wanted(self, case: str) -> float | None:
        return dict(self.cases).get(case, self.times)


ASKED = (
    Asked("pre-training step", "ours", "naive", 1.3, (("(28, 1390)", 2.0),)),
    Asked("pre-training step", "ours, bf16", "ours", 1.7),
    Asked("fine-tuning, supervised", "ours", "naive"),
    Asked("fine-tuning, frozen_3", "ours", "naive"),
    Asked("fine-tuning, all frozen, 30 epochs", "ours, features computed once", "naive", 20),
    Asked("models at once", "two pinned processes", "one process, two threads"),
    Asked(
        "CKA, nine pairs of layers", "ours", "definition", cases=(("n = 672", 5), ("n = 3,670", 10), ("n = 7,340", 15))
    ),
    Asked("conditioned CKA, 20 segments, 200 half-samples", "ours", "six Gram matrices", 1 / 1.5),
    Asked("MESA windows", "ours", "shift and concatenate", 500),
    Asked("AUC, 500 bootstrap draws", "ours", "loop", cases=(("n = 3,236", 30), ("n = 100,000", 12))),
    Asked("AUC, 500 bootstrap draws", "ours", "loop, one call"),
)


def load(p: Costs) -> pd.DataFrame:
    """``bench.csv``: group, topic, case, variant, threads, best and median seconds, rounds, and facts of the case."""
    return pd.read_csv(p.path / "bench.csv")


def machine(p: Costs) -> dict[str, str]:
    """What the tables were measured on."""
    return json.loads((p.path / "machine.json").read_text(encoding="utf-8"))


def card(p: Costs) -> pd.DataFrame:
    """``cuda.csv``: topic, case, variant, best and median seconds on a graphics card; empty where none was measured."""
    path = p.path / "cuda.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["topic", "case", "variant", "median"])


def card_facts(p: Costs) -> dict[str, str]:
    """Which graphics card that was."""
    return json.loads((p.path / "cuda.json").read_text(encoding="utf-8"))


def compared(bench: pd.DataFrame) -> pd.DataFrame:
    """One row a comparison of ``ASKED``, case and number of threads, by median seconds.

    Columns: topic, case, threads, of, than, seconds, than_seconds, ratio, wanted, and where they are known ``limit``
    (share of the machine's float32 matrix product that the variant reaches, at its best), ``error`` and ``memory``.
    """
    records = []
    for asked in ASKED:
        own = bench[bench["topic"] == asked.topic]
        for (case, threads), rows in own.groupby(["case", "threads"], sort=False):
            each = rows.set_index("variant")
            if not {asked.of, asked.than} <= set(each.index):
                continue
            one, other = each.loc[asked.of], each.loc[asked.than]
            record = {"topic": asked.topic, "case": case, "threads": threads, "of": asked.of, "than": asked.than}
            record |= {"seconds": one["median"], "than_seconds": other["median"], "rounds": one["rounds"]}
            record |= {"ratio": other["median"] / one["median"], "wanted": asked.wanted(case)}
            record["limit"] = one.get("flop", np.nan) / one["best"] / one.get("limit", np.nan)
            records.append(record | {name: one.get(name, np.nan) for name in ("error", "memory")})
    return pd.DataFrame(records).astype({"wanted": float})


def unmeasured(table: pd.DataFrame) -> list[str]:
    """What was asked for at a size that the tables do not hold. table: of ``compared``."""
    found = set(zip(table["topic"], table["case"], strict=True))
    return [f"{one.topic}, {case}" for one in ASKED for case, _ in one.cases if (one.topic, case) not in found]


def frozen(bench: pd.DataFrame) -> pd.DataFrame:
    """How many times as fast as training all layers each strategy trains, by shape; never below 1 is asked."""
    rows = bench[bench["topic"] == "fine-tuning, by strategy"]
    seconds = rows.pivot(index="variant", columns="case", values="median").reindex(STRATEGIES)[list(SHAPES.values())]
    return seconds.loc["supervised"] / seconds


def growth(p: Costs) -> pd.DataFrame:
    """``growth.csv``: step, unit, n, seconds, and ``exponent``: the power of n that the step grows with."""
    table = pd.read_csv(p.path / "growth.csv")
    slopes = {
        step: np.polyfit(np.log(rows["n"]), np.log(rows["seconds"]), 1)[0] for step, rows in table.groupby("step")
    }
    return table.assign(exponent=table["step"].map(slopes))


def projected(bench: pd.DataFrame, card: pd.DataFrame) -> pd.DataFrame:
    """Hours of the paper's sizes, profile ``paper``: all seven strategies and their pre-training, one seed, by recipe.

    Steps of pre-training and windows of fine-tuning by the recipe's schedules (early stopping left out) times the
    seconds of one, measured at the dataset's shape: on one thread, two models at once on two cores, and on a graphics
    card, one model at a time. Columns: dataset, recipe, windows (of the training split), pretraining_steps,
    finetuning_steps (of the seven), cpu_hours (two cores), card_hours (NaN where no card was measured).
    """
    steps = bench[(bench["topic"] == "pre-training step") & (bench["variant"] == "ours") & (bench["threads"] == 1)]
    tuning = bench[bench["topic"] == "fine-tuning, by strategy"].set_index(["case", "variant"])
    step, window = steps.set_index("case")["median"], tuning["median"] / tuning["windows"]
    on_card = card.set_index(["topic", "case", "variant"])["median"]
    records = []
    for dataset, shape in SHAPES.items():
        windows = int(cards.load(dataset).expected["train"])
        for name in ("paper_text", "paper_code", "tuned"):
            recipe = RECIPES[name]
            pretraining, tuned = recipe.pretraining.schedule.steps(windows), 0
            seconds = pretraining * step[shape]
            there = pretraining * on_card.get(("pre-training step", shape, "float32"), np.nan)
            for strategy in STRATEGIES:
                schedule = recipe.training(strategy).schedule
                shown = schedule.run_epochs(windows) * windows  # fine-tuning ends with an epoch
                seconds += shown * window[shape, strategy]
                there += shown * on_card.get(("fine-tuning, a window", shape, strategy), np.nan)
                tuned += schedule.run_epochs(windows) * schedule.steps_per_epoch(windows)
            record = {"dataset": dataset, "recipe": name, "windows": windows}
            record |= {"pretraining_steps": pretraining, "finetuning_steps": tuned}
            records.append(record | {"cpu_hours": seconds / 2 / 3600, "card_hours": there / 3600})
    return pd.DataFrame(records)


def at_once(card: pd.DataFrame) -> pd.DataFrame:
    """Several models on one graphics card: how, case, seconds a model (or a step of one), and gain over one at a time.

    Processes share the card as jobs of the study do; stacked models are one call of ``torch.func.vmap``.
    """
    records = []
    alone = {"models at once on a card": "1 process", "step of 5 models on a card": "one after the other"}
    for topic, first in alone.items():
        for case, rows in card[card["topic"] == topic].groupby("case", sort=False):
            seconds = rows.set_index("variant")["median"]
            records += [
                {"how": how, "case": case, "seconds": spent, "gain": seconds[first] / spent}
                for how, spent in seconds.items()
            ]
    return pd.DataFrame(records, columns=["how", "case", "seconds", "gain"])


def made_of(p: Costs) -> Provenance:
    """Provenance of the page: the machine and the code that was timed."""
    facts = machine(p)
    content = b"".join(path.read_bytes() for path in sorted(Path(p.path).glob("*.csv")))
    sources = f"{facts['processor']}, torch {facts['torch']}, {facts['date']}, by make bench"
    return collected(p, "timed", sources, hashlib.sha256(content).hexdigest(), facts["code"])
