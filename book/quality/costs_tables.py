"""What the study costs, as small tables of text and sentences."""

import pandas as pd

from fairlib import cards
from fairlib.strategies import STRATEGY_NAMES
from fairlib.text import count, number, percent, signed

from .costs import unmeasured


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """One row a comparison. table: of ``costs.compared``."""
    return pd.DataFrame(
        {
            "what": [f"{row.topic}: {row.of}, {row.case}" for row in table.itertuples()],
            "beside": table["than"],
            "threads": table["threads"].map(str),
            "ours": table["seconds"].map(duration),
            "the other": table["than_seconds"].map(duration),
            "ratio": table["ratio"].map(times),
            "asked": [times(wanted) if pd.notna(wanted) else "–" for wanted in table["wanted"]],
            "verdict": [_met(row) for row in table.itertuples()],
            "of the matrix product": table["limit"].map(percent),
        }
    )


def frozen(table: pd.DataFrame) -> pd.DataFrame:
    """One row a strategy, a column a shape. table: of ``costs.frozen``."""
    out = table.map(times).rename_axis(columns=None)
    out.insert(0, "strategy", [STRATEGY_NAMES[name] for name in table.index])
    return out.reset_index(drop=True)


def projected(table: pd.DataFrame) -> pd.DataFrame:
    """One row a dataset and recipe. table: of ``costs.projected``."""
    out = pd.DataFrame(
        {
            "dataset": [cards.load(name).title for name in table["dataset"]],
            "recipe": table["recipe"],
            "training windows": table["windows"].map(count),
            "steps, pre-training": table["pretraining_steps"].map(count),
            "steps, seven models": table["finetuning_steps"].map(count),
            "one seed, two cores": table["cpu_hours"].map(hours),
            "five seeds, two cores": (5 * table["cpu_hours"]).map(hours),
        }
    )
    if table["card_hours"].notna().all():
        out["five seeds, one graphics card"] = (5 * table["card_hours"]).map(hours)
    return out


def at_once(table: pd.DataFrame) -> pd.DataFrame:
    """One row a way to train several models on one card. table: of ``costs.at_once``."""
    return pd.DataFrame(
        {
            "how": table["how"],
            "window": table["case"],
            "seconds a model": table["seconds"].map(duration),
            "beside one at a time": table["gain"].map(times),
        }
    )


def growth(table: pd.DataFrame) -> pd.DataFrame:
    """One row a step, with its fitted power. table: of ``costs.growth``."""
    records = []
    for step, rows in table.groupby("step", sort=False):
        first, last = rows.iloc[0], rows.iloc[-1]
        records.append(
            {
                "step": step,
                "from": f"{count(first['n'])} {first['unit']}: {duration(first['seconds'])}",
                "to": f"{count(last['n'])} {last['unit']}: {duration(last['seconds'])}",
                "grows with": f"n^{number(first['exponent'], 2)}",
            }
        )
    return pd.DataFrame(records)


def precision(table: pd.DataFrame) -> pd.DataFrame:
    """AUC of the same models in both precisions. table: ``bf16.csv``."""
    wide = table.pivot(index=["strategy", "seed"], columns="precision", values=["auc", "seconds"])
    if "bf16" not in set(table["precision"]):
        return pd.DataFrame()
    records = []
    for strategy in dict.fromkeys(table["strategy"]):
        own = wide.loc[strategy]
        change = own["auc"]["bf16"] - own["auc"]["float32"]
        records.append(
            {
                "strategy": STRATEGY_NAMES[strategy],
                "AUC, float32": number(own["auc"]["float32"].mean()),
                "AUC, bf16": number(own["auc"]["bf16"].mean()),
                "difference, of each seed": ", ".join(signed(value) for value in change),
                "training, times as fast": times((own["seconds"]["float32"] / own["seconds"]["bf16"]).median()),
            }
        )
    return pd.DataFrame(records)


def whole(table: pd.DataFrame) -> pd.DataFrame:
    """The whole study and book. table: ``book.csv``."""
    return table.astype(str)


def paper(table: pd.DataFrame) -> pd.DataFrame:
    """The paper's size for real, a row a recipe. table: ``paper.csv``."""
    records = []
    for recipe, rows in table.groupby("recipe", sort=False):
        data, pretraining, models = rows["minutes"].iloc[0], rows["minutes"].iloc[1], rows["minutes"].iloc[2:]
        record = {"recipe": recipe, rows["part"].iloc[0]: data, "pre-training": pretraining}
        record |= {f"{len(models)} models": models.sum(), "together": rows["minutes"].sum()}
        records.append(record)
    out = pd.DataFrame(records).set_index("recipe")
    return out.map(lambda minutes: hours(minutes / 60)).reset_index()


def card(facts: dict[str, str] | None) -> str:
    """Which graphics card ``projected`` rests on. facts: of ``costs.card_facts``; None: none."""
    if facts is None:
        return "No graphics card was measured: python -m tests.bench.cuda does it where there is one."
    return f"The card is one {facts['card']} (torch {facts['torch']}, {facts['date']}), one model at a time on it."


def finding(table: pd.DataFrame) -> str:
    """How many of the ratios that were asked are reached, in words that hold whatever they are."""
    asked = table.dropna(subset="wanted")
    missed = asked[asked["ratio"] < asked["wanted"]]
    named = [f"{r.topic}, {r.of}, {r.case}, threads: {r.threads}: {times(r.ratio)}" for r in missed.itertuples()]
    text = f"Of {len(asked)} ratios that were asked for, {len(asked) - len(missed)} are reached on this machine"
    lost = unmeasured(table)
    text += f"; not reached: {'; '.join(named)}" * bool(named)
    return f"{text}{'. Not measured: ' + '; '.join(lost) if lost else ''}."


def _met(row) -> str:
    return "" if pd.isna(row.wanted) else "reached" if row.ratio >= row.wanted else "not reached"


def times(ratio: float) -> str:
    """``2.31×``, ``14.7×``, ``3,430×``: three digits."""
    if pd.isna(ratio):
        return "–"
    return f"{float(f'{ratio:.3g}'):,.0f}×" if ratio >= 100 else f"{ratio:.3g}×"


def duration(seconds: float) -> str:
    """Seconds in a unit that reads well."""
    if pd.isna(seconds):
        return "–"
    for unit, size in (("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)):
        if seconds < 1000 * size or unit == "s":
            return f"{seconds / size:,.3g} {unit}"


def hours(value: float) -> str:
    """Hours, or minutes where they are few."""
    return f"{60 * value:.0f} min" if value < 2 else f"{value:,.1f} h" if value < 100 else f"{value:,.0f} h"
