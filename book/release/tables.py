"""The chapter on the released analysis: the findings, and what the recipes change."""

import re

import pandas as pd

from fairlib.report.columns import Column, ranged, typed

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


def short(found: pd.DataFrame) -> pd.DataFrame:
    """The same in one line per finding; found: of ``findings.every``."""
    titles = {"title": "finding", "section": "part of the study"}
    return found[["id", "title", "section", "certainty"]].rename(columns=titles)


def settings() -> pd.DataFrame:
    """The settings in which released SSL and supervised fine-tuning differ, and the recipe paper_text."""
    table = audit.settings()
    table["setting"] = table["setting"].str.replace("head_normal_sd", "initial weights of the head, standard deviation")
    table["setting"] = table["setting"].str.replace("_", " ").str.replace("l2", "L2")
    return table.map(lambda value: "–" if pd.isna(value) else f"{value:,}" if isinstance(value, int) else str(value))


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
