"""A twin's cohort on disk, so that the pages of one study read its raw files once.

Only for twins: windows and identifiers of real people are written nowhere, and their files are read anew by each page.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from safetensors.numpy import save as serialise

from .. import cards
from ..cohort import Cohort
from .results import save

WINDOWS, PEOPLE, FACTS = "windows.safetensors", "people.parquet", "cohort.json"
PLAIN = ("dataset", "origin", "channels", "clip", "sealed")


def save_cohort(folder: Path, key: dict, cohort: Cohort) -> None:
    """Write a twin's cohort, with its key in the manifest. Raises ``ValueError`` for real people."""
    if cohort.origin != "twin":
        raise ValueError(f"{cohort.dataset}: windows of real people are not kept; read their files again")
    people = cohort.attributes.assign(person=cohort.person, split=cohort.split)
    facts = {name: getattr(cohort, name) for name in PLAIN} | {"attrition": cohort.attrition.to_dict("list")}
    arrays = {name: getattr(cohort, name) for name in ("x", "y", "number", "measured")}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    files = {
        WINDOWS: lambda path: path.write_bytes(serialise(arrays)),
        PEOPLE: people.to_parquet,
        FACTS: lambda path: path.write_text(json.dumps(facts), encoding="utf-8"),
    }
    save(folder, key, files)


def load_cohort(folder: Path) -> Cohort:
    """The cohort that ``save_cohort`` wrote: equal in every value, so of the same fingerprint."""
    people, facts = pd.read_parquet(folder / PEOPLE), json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return Cohort(
        **load_file(folder / WINDOWS),
        person=np.array(people.pop("person").tolist()),
        split=np.array(people.pop("split").tolist()),
        attributes=people,
        attrition=pd.DataFrame(facts.pop("attrition")),
        channels=tuple(facts.pop("channels")),
        clip=tuple(clip) if (clip := facts.pop("clip")) else None,
        sealed=tuple(facts.pop("sealed")),
        card=cards.load(facts.pop("dataset")),
        **facts,
    )
