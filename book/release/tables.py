"""The chapter on the released analysis: the findings, and what the recipes change."""

import re

import pandas as pd

from fairlib.report.columns import Column, ranged, typed
from fairlib.strategies import STRATEGIES, STRATEGY_NAMES

from ..pages.marks import named
from . import audit, findings

BREAKABLE = re.compile(r"[/_]")  # a long path may break behind these


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


def settings() -> pd.DataFrame:
    """The settings in which released SSL and supervised fine-tuning differ, and the recipe paper_text."""
    table = audit.settings()
    table["setting"] = table["setting"].str.replace("head_normal_sd", "initial weights of the head, standard deviation")
    table["setting"] = table["setting"].str.replace("_", " ").str.replace("l2", "L2")
    return table.map(lambda value: "–" if pd.isna(value) else f"{value:,}" if isinstance(value, int) else str(value))


def counts() -> pd.DataFrame:
    """Printed numbers of trainable parameters, of each strategy for each dataset's channels."""
    printed = {name: audit.numbers("D27", "trainable parameters", name) for name in ("MIMIC", "MESA", "GLOBEM")}
    table = pd.DataFrame(printed).loc[list(STRATEGIES)].rename(STRATEGY_NAMES).rename_axis("strategy").reset_index()
    return typed(table, ["strategy"], **dict.fromkeys(printed, Column(form="count")))


def recipes(found: pd.DataFrame) -> pd.DataFrame:
    """What each recipe gives on our runs. found: ``runs.recipes``."""
    shown = {"dataset": Column("data"), "seeds": Column(form="count")}
    for name, title in (("auc", "AUC"), ("deviation", "disparity")):
        shown[name] = ranged(name, title)
        shown[f"{name}_difference"] = ranged(f"{name}_difference", f"{title} − supervised", "signed")
    models = [named(row["strategy"], row) for _, row in found.iterrows()]
    return typed(found.assign(model=models), ["dataset", "recipe", "model"], **shown)


def similarity(found: pd.DataFrame) -> pd.DataFrame:
    """CKA of our runs at unequal and at equal sizes, and as the release took it. found: ``runs.similarity``."""
    return typed(
        found,
        ["dataset", "recipe", "attribute", "segment"],
        dataset=Column("data"),
        people=Column(form="count"),
        cka=Column("CKA", "number"),
        matched_people=Column("people, equal", "count"),
        matched=Column("CKA, equal", "number"),
        windows=Column("first training windows", "count"),
        released=Column("CKA of these", "number"),
    )
