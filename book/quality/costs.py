"""What the study costs, from the tables that ``make bench`` leaves in ``bench``, and a projection to the paper's sizes.

Times are of one machine (``machine.json``); ratios are of variants run in turns on it. ``asked.csv`` says how many
times as fast as another way each step should be.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from fairlib import cards
from fairlib.recipes import RECIPES
from fairlib.report import style
from fairlib.report.style import CONTROL, INK, LINES, SEGMENTS, SMALL, SSL, SUPERVISED, WIDTH, Drawn, axes
from fairlib.search import FILES
from fairlib.strategies import STRATEGIES
from fairlib.study import parts
from fairlib.study.parameters import FROZEN


def compared(bench: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    """One row a comparison that was asked for and number of threads, by median seconds of ``bench.csv``.

    asked: topic, case, of, than, and ``asked``: how many times as fast ``of`` should be; NaN: reported, nothing asked.
    Further columns: threads, median and than_seconds, their ``ratio`` (NaN where it was not measured), and ``share`` of
    the machine's float32 matrix product that the variant reaches at its best.
    """
    key = ["topic", "case", "threads"]
    other = bench[[*key, "variant", "median"]].set_axis([*key, "than", "than_seconds"], axis=1)
    out = asked.merge(bench.rename(columns={"variant": "of"}), how="left").merge(other, how="left")
    share = out["flop"] / out["best"] / out["limit"]
    return out.assign(ratio=out["than_seconds"] / out["median"], share=share)


def shapes(bench: pd.DataFrame) -> dict[str, str]:
    """Dataset → shape of its windows, (timesteps, channels) as ``bench.csv`` writes it, where training was timed."""
    known = {name: f"({card.windows.timesteps}, {card.windows.channels})" for name, card in cards.all().items()}
    return {name: shape for name, shape in known.items() if shape in set(bench["case"])}


def core_hours(planned: pd.DataFrame, folder: Path = FROZEN) -> pd.DataFrame:
    """``hours.csv`` (what, recipes, planned core-hours) with ``spent``: as the kept results say it of themselves, and
    the tries of the search; seconds of one core each, next to whatever else ran."""
    spent: dict[str, float] = {"search": sum(pd.read_csv(path)["seconds"].sum() for path in FILES.values())}
    for path in sorted(folder.glob("**/manifest.json")):
        for name, made in json.loads(path.read_text(encoding="utf-8")).get("recipes", {}).items():
            key = "twins" if "twins" in path.parts else name.partition("-")[0]
            spent[key] = spent.get(key, 0) + sum(made.get("seconds", {}).values())
    for path in sorted(folder.glob("**/parts/*.zip")):
        if "seconds" in (told := parts.manifest(path)):
            key = "twins" if "twins" in path.parts else told["recipe"].partition("-")[0]
            spent[key] = spent.get(key, 0) + told["seconds"]
    hours = [sum(spent.get(name, 0) for name in names.split()) / 3600 for names in planned["recipes"]]
    return planned.assign(spent=hours)


def frozen(bench: pd.DataFrame) -> pd.DataFrame:
    """How many times as fast as training all layers each strategy trains, by shape."""
    rows = bench[bench["topic"] == "fine-tuning, by strategy"]
    seconds = rows.pivot_table(index="variant", columns="case", values="median", sort=False).reindex(STRATEGIES)
    return seconds.loc["supervised"] / seconds


def fitted(growth: pd.DataFrame) -> pd.DataFrame:
    """``growth.csv`` (step, unit, n, seconds) with ``exponent``: the power of n that the step grows with."""
    slopes = {
        step: np.polyfit(np.log(rows["n"]), np.log(rows["seconds"]), 1)[0] for step, rows in growth.groupby("step")
    }
    return growth.assign(exponent=growth["step"].map(slopes))


def projected(bench: pd.DataFrame, card: pd.DataFrame) -> pd.DataFrame:
    """Hours of the paper's sizes, profile ``paper``: all seven strategies and their pre-training, one seed, by recipe.

    Steps of pre-training and windows of fine-tuning by the recipe's schedules (early stopping left out) times the
    seconds of one, measured at the dataset's shape: on one thread, two models at once on two cores, and on a graphics
    card (``cuda.csv``), one model at a time. Columns: dataset, recipe, windows (of the training split),
    pretraining_steps, finetuning_steps (of the seven), cpu_hours (two cores), card_hours.
    """
    steps = bench[(bench["topic"] == "pre-training step") & (bench["variant"] == "ours") & (bench["threads"] == 1)]
    tuning = bench[bench["topic"] == "fine-tuning, by strategy"].set_index(["case", "variant"])
    step, window = steps.set_index("case")["median"], tuning["median"] / tuning["windows"]
    on_card = card.set_index(["topic", "case", "variant"])["median"]
    records = []
    for dataset, shape in shapes(bench).items():
        windows = int(cards.load(dataset).expected["train"])
        for name in ("paper_text", "paper_code", "tuned"):
            recipe = RECIPES[name]
            pretraining, tuned = recipe.pretraining.schedule.steps(windows), 0
            seconds, there = pretraining * step[shape], pretraining * on_card["pre-training step", shape, "float32"]
            for strategy in STRATEGIES:
                schedule = recipe.training(strategy).schedule
                epochs = schedule.run_epochs(windows)  # fine-tuning ends with an epoch
                seconds += epochs * windows * window[shape, strategy]
                there += epochs * windows * on_card["fine-tuning, a window", shape, strategy]
                tuned += epochs * schedule.steps_per_epoch(windows)
            records.append((dataset, name, windows, pretraining, tuned, seconds / 2 / 3600, there / 3600))
    names = ["dataset", "recipe", "windows", "pretraining_steps", "finetuning_steps", "cpu_hours", "card_hours"]
    return pd.DataFrame(records, columns=names)


def at_once(card: pd.DataFrame) -> pd.DataFrame:
    """Several models on one graphics card: rows of ``cuda.csv`` with their ``gain`` over the first of their case, one
    model at a time.

    Processes share the card as jobs of the study do; stacked models are one call of ``torch.func.vmap``.
    """
    rows = card[card["topic"].isin(["models at once on a card", "step of 5 models on a card"])]
    return rows.assign(gain=rows.groupby(["topic", "case"])["median"].transform("first") / rows["median"])


def precision(table: pd.DataFrame) -> pd.DataFrame:
    """AUC of the same model in both precisions, their difference, and how many times as fast bf16 trains; empty where
    the machine gains nothing from it. table: ``bf16.csv``."""
    one, other = (table[table["precision"] == name].drop(columns="precision") for name in ("float32", "bf16"))
    both = one.merge(other, on=["strategy", "seed"], suffixes=("", "_bf16"))
    return both.assign(difference=both["auc_bf16"] - both["auc"], times=both["seconds"] / both["seconds_bf16"])


def gains(table: pd.DataFrame) -> Drawn:
    """How many times as fast as the alternative, one dot per comparison, with a line at what was asked.

    table: of ``compared``, what was measured of it.
    """
    names = [
        f"{row.topic}: {row.of}\n{row.case}, {row.threads:.0f} thread{'s' * (row.threads > 1)}, beside {row.than}"
        for row in table.itertuples()
    ]
    figure, panel = axes(WIDTH, 1.0 + 0.42 * len(table))
    table = table.reset_index(drop=True)
    missed = table["ratio"] < table["asked"]
    panel.axvline(1, color=CONTROL, linewidth=1)
    for kind, own, marker, colour in (
        ("reached, or nothing asked", table[~missed], "o", SSL["frozen_0"]),
        ("not reached", table[missed], "D", SUPERVISED),
    ):
        panel.plot(own["ratio"], own.index, marker, color=colour, label=kind)
    panel.plot(table["asked"], table.index, "|", color=INK, markersize=14, label="asked")
    panel.set(xscale="log", xlabel="times as fast as the alternative (logarithmic)")
    style.lines(panel, names, fontsize=SMALL)
    style.legend_below(figure, panel)
    parts = [f"{r.topic}, {r.of}, {r.case}: {times(r.ratio)}" for r in table.itertuples()]
    return figure, f"Gains over the alternative. {'; '.join(parts)}."


def growth(table: pd.DataFrame) -> Drawn:
    """Seconds against size on log axes, a line a step, with the power that fits. table: of ``fitted``."""
    figure, panel = axes(WIDTH, 4.8)
    colours, styles = [*SEGMENTS, INK, SSL["frozen_3"]], list(LINES.values())
    facts = []
    for i, (step, rows) in enumerate(table.groupby("step", sort=False)):
        facts.append(f"{step}: n^{rows['exponent'].iloc[0]:.2f}")
        look = {"color": colours[i % len(colours)], "linestyle": styles[i % len(styles)], "marker": "osD^v<>xP"[i % 9]}
        panel.plot(rows["n"], rows["seconds"], label=facts[-1], markersize=4, **look)
    panel.set(xscale="log", yscale="log", ylabel="seconds, one thread")
    panel.set_xlabel("size n: windows, people or participants")
    style.legend_below(figure, panel, columns=2)
    return figure, f"Seconds of each step against its size, with the fitted power of n. {'; '.join(facts)}."


def finding(table: pd.DataFrame) -> str:
    """How many of the ratios that were asked are reached, in words that hold whatever they are.

    table: of ``compared``.
    """
    asked = table.dropna(subset="asked")
    measured, lost = asked.dropna(subset="ratio"), asked[asked["ratio"].isna()]
    missed = measured[measured["ratio"] < measured["asked"]]
    named = [f"{r.topic}, {r.of}, {r.case}, threads: {r.threads:.0f}: {times(r.ratio)}" for r in missed.itertuples()]
    text = f"Of {len(measured)} ratios that were asked for, {len(measured) - len(missed)} are reached on this machine"
    text += f"; not reached: {'; '.join(named)}" * bool(named)
    lacking = [f"{r.topic}, {r.of}, {r.case}" for r in lost.itertuples()]
    return text + f". Not measured: {'; '.join(lacking)}" * bool(lacking) + "."


def times(ratio: float) -> str:
    """``2.31×``, ``14.7×``, ``3,430×``: three digits."""
    return f"{float(f'{ratio:.3g}'):,g}×"


def duration(seconds: float) -> str:
    """Seconds in a unit that reads well."""
    unit, size = next((pair for pair in (("µs", 1e-6), ("ms", 1e-3)) if seconds < 1000 * pair[1]), ("s", 1.0))
    return f"{seconds / size:,.3g} {unit}"
