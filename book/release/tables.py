"""The chapter on the released analysis: the findings, and what the recipes change."""

import re

import pandas as pd

from fairlib.recipes import RECIPES
from fairlib.strategies import STRATEGIES, STRATEGY_NAMES
from fairlib.text import count, number, percent, signed, with_interval

from ..pages.marks import named
from . import audit, findings
from .sentences import resting_on

BREAKABLE = re.compile(r"[/_]")  # a long path may break behind these


def overview() -> pd.DataFrame:
    """How many findings each section holds, by certainty."""
    rows = pd.DataFrame([(f.section, f.certainty) for f in findings.load().values()], columns=["section", "certainty"])
    table = pd.crosstab(rows["section"], rows["certainty"]).reindex(findings.SECTIONS)[list(findings.CERTAINTIES)]
    table["all"] = table.sum(axis=1)
    table.loc["all"] = table.sum()
    return table.rename_axis(None, axis=1).reset_index().map(str)


def finding(name: str, measured: str) -> pd.DataFrame:
    """One finding, told line by line. measured: its sentence of ``sentences``."""
    of = findings.load()[name]
    certain = f"{of.certainty.capitalize()}. {of.doubt or ''}".strip()
    lines = {"The release does": of.does, "How we know": of.source, "How certain": certain}
    lines |= {"What it changes": of.changes, "Measured": measured, "For one's own study": of.lesson}
    return pd.DataFrame({name: lines.keys(), of.title: lines.values()})


def section(name: str, measured: dict[str, str]) -> pd.DataFrame:
    """All findings of a section, a row each."""
    rows = []
    for of in findings.load().values():
        if of.section == name:
            told = " ".join(filter(None, [f"{of.title}.", of.does, of.changes, of.doubt]))
            source = BREAKABLE.sub("\\g<0>\u200b", of.source)
            numbers = f"{measured[of.id][0].upper()}{measured[of.id][1:]}"
            record = {"id": of.id, "certainty": of.certainty}
            record |= {"what the release does, and what it changes": f"{told} [{source}]"}
            rows.append(record | {"in numbers, and a lesson": f"{numbers} Lesson: {of.lesson}"})
    return pd.DataFrame(rows)


def basis(name: str) -> str:
    """What the numbers of a section rest on."""
    own = [of.id for of in findings.load().values() if of.section == name]
    drawn, ran = ([i for i in resting_on(argument) if i in own] for argument in ("simulated", "seeds"))
    parts = [f"simulated: {', '.join(drawn)}"] * bool(drawn) + [f"from our own runs: {', '.join(ran)}"] * bool(ran)
    rest = "follows from what the release prints, or from its code."
    return f"Numbers {'; '.join(parts)}. The rest {rest}" if parts else f"Every number {rest}"


def settings() -> pd.DataFrame:
    """The settings in which released SSL and supervised fine-tuning differ, and the recipe paper_text."""
    table = audit.settings()
    table["setting"] = table["setting"].str.replace("head_normal_sd", "initial weights of the head, standard deviation")
    table["setting"] = table["setting"].str.replace("_", " ").str.replace("l2", "L2")
    return table.map(
        lambda value: "–" if value is None or pd.isna(value) else f"{value:,}" if isinstance(value, int) else str(value)
    )


def loss_note() -> str:
    """A difference of semantics that a port to another library meets."""
    labels = audit.size("MIMIC", "train", "label_0"), audit.size("MIMIC", "train", "label_1")
    _, spread = audit.loss_weights(labels, RECIPES["paper_code"].finetuning.schedule.batch_size)
    return (
        "A trap beside: with class weights, the loss of Keras divides by the windows of a batch, that of PyTorch by"
        f" their weights. With MIMIC's labels the ratio of the two varies by {percent(spread)} (standard deviation)"
        " from batch to batch. This book divides by windows."
    )


def counts() -> pd.DataFrame:
    """Trainable parameters of each strategy: printed, and counted on our network, for each dataset's channels."""
    records = []
    own = {name: audit.trainable(audit.size(name, "test", "channels")) for name in ("MIMIC", "MESA", "GLOBEM")}
    for strategy in STRATEGIES:
        record = {"strategy": STRATEGY_NAMES[strategy]}
        for dataset, counted in own.items():
            printed = audit.numbers("D27", "trainable parameters", dataset)[strategy]
            record[dataset] = f"{count(printed)}" + (
                "" if printed == counted[strategy] else f" (ours: {count(counted[strategy])})"
            )
        records.append(record)
    return pd.DataFrame(records)


def turned() -> pd.DataFrame:
    """Published ratios that lie on the other side of the threshold once the groups change roles."""
    rows = audit.published_ratios()
    rows = rows[rows["turned"]]
    return pd.DataFrame(
        {
            "data": rows["dataset"],
            "model": rows["model"].str.replace("_", " "),
            "attribute": rows["attribute"].str.replace("nsrr_", "").str.replace("_", " "),
            "ratio": rows["metric"].str.replace("_", " "),
            "as published": rows["value"].map(number),
            "|1 − ratio|": rows["deviation"].map(number),
            "|1 − 1/ratio|": rows["swapped"].map(number),
            "|log ratio|": rows["log"].map(number),
        }
    )


def recipes(found: pd.DataFrame) -> pd.DataFrame:
    """What each recipe gives on our runs. found: ``runs.recipes``."""
    records = []
    for row in found.to_dict("records"):
        record = {
            "data": row["dataset"],
            "recipe": row["recipe"],
            "model": named(row["strategy"], pd.Series(row)),
            "seeds": str(row["seeds"]),
        }
        for name, title in (("auc", "AUC"), ("deviation", "disparity")):
            record[title] = with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
        for name, title in (("auc", "AUC − supervised"), ("deviation", "disparity − supervised")):
            ends = [row.get(f"{name}_difference{end}", float("nan")) for end in ("", "_low", "_high")]
            record[title] = with_interval(*ends, sign=True)
        records.append(record)
    return pd.DataFrame(records)


def released_similarity(found: pd.DataFrame) -> pd.DataFrame:
    """CKA as the release took it beside ours. found: ``runs.released_similarity``."""
    return _segments(found).assign(
        **{
            "windows": found["windows"].map(count),
            "people": found["people"].map(count),
            "CKA, first training windows": found["released"].map(number),
            "CKA, one window a test person": found["ours"].map(number),
            "change": (found["ours"] - found["released"]).map(signed),
        }
    )


def similarity_sizes(found: pd.DataFrame) -> pd.DataFrame:
    """CKA of our runs at unequal and at equal numbers of people. found: ``runs.similarity_sizes``."""
    return _segments(found).assign(
        **{
            "people": found["people"].map(count),
            "CKA": found["cka"].map(number),
            "people, equal": found["matched_people"].map(count),
            "CKA, equal": found["matched"].map(number),
            "change": (found["matched"] - found["cka"]).map(signed),
        }
    )


def _segments(found: pd.DataFrame) -> pd.DataFrame:
    """The columns that say which segment of which run a row is about."""
    names = {"dataset": "data", "recipe": "recipe", "attribute": "attribute", "segment": "segment"}
    return found[list(names)].rename(columns=names)
