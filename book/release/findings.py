"""The findings on the released analysis, from ``book/release/findings.yaml``: facts, checked when read."""

from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from .published import FOLDER, PublishedError

FILE = FOLDER / "findings.yaml"
Section = Literal["labels and data", "training", "evaluation", "representation", "release hygiene"]


class Finding(BaseModel):
    """One finding: what the release does, where that stands, how certain it is, what it changes, what to learn."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_min_length=8)

    id: str = Field(pattern=r"^D[1-9]\d?$", min_length=2)
    section: Section
    certainty: Literal["certain", "high", "moderate"]
    title: str
    does: str
    source: str
    changes: str
    sentence: str  # what it comes to in numbers: a template if ``sentences`` computes them, else the words themselves
    each: str = ""  # template of one record of a value that is written as "each"
    between: str = Field(default="; ", min_length=1)  # stands between two records
    none: str = ""  # template of what stands there if there is no record
    lesson: str
    doubt: str | None = None  # which part of it is less certain, and why
    lead: int | None = Field(default=None, ge=1)  # place among those told first


@cache
def load(path: Path = FILE) -> dict[str, Finding]:
    """Every finding by its id, in the order of the file; raises ``PublishedError`` where one is incomplete."""
    try:
        found = TypeAdapter(list[Finding]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        number, *field = first["loc"]
        where = ".".join(map(str, field))
        raise PublishedError(f"{path}, entry {number + 1}: {where or 'entry'}: {first['msg']}") from None
    return {finding.id: finding for finding in found}


def every(measured: dict[str, str]) -> pd.DataFrame:
    """All findings, a row each, with everything that is said of them."""
    fields = ["id", "section", "certainty", "title", "does", "changes", "doubt", "source", "lesson"]
    rows = [of.model_dump(include=set(fields)) | {"numbers": measured[of.id]} for of in load().values()]
    return pd.DataFrame(rows)[[*fields, "numbers"]].fillna("")
