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

WINDOWS, FACTS = "windows.safetensors", "cohort.json"
PLAIN = ("dataset", "origin", "channels")


def save_cohort(folder: Path, key: dict, cohort: Cohort) -> None:
    """Write a twin's cohort, with its key in the manifest. Raises ``ValueError`` for real people."""
    if cohort.origin != "twin":
        raise ValueError(f"{cohort.dataset}: windows of real people are not kept; read their files again")
    columns = {name: cohort.attributes[name] for name in cohort.attributes}
    arrays = {"x": cohort.x, "y": cohort.y}
    arrays |= {f"segment of {name}": column.cat.codes.to_numpy() for name, column in columns.items()}
    facts = {name: getattr(cohort, name) for name in PLAIN}
    facts |= {"person": cohort.person.tolist(), "split": cohort.split.tolist()}
    facts |= {"attributes": {name: column.cat.categories.tolist() for name, column in columns.items()}}
    facts |= {"attrition": cohort.attrition.to_dict("list")}
    files = {
        WINDOWS: lambda path: path.write_bytes(serialise(arrays)),
        FACTS: lambda path: path.write_text(json.dumps(facts), encoding="utf-8"),
    }
    save(folder, key, files)


def load_cohort(folder: Path) -> Cohort:
    """The cohort that ``save_cohort`` wrote: equal in every value, so of the same fingerprint."""
    arrays, facts = load_file(folder / WINDOWS), json.loads((folder / FACTS).read_text(encoding="utf-8"))
    attributes = {
        name: pd.Categorical.from_codes(arrays[f"segment of {name}"], categories)
        for name, categories in facts.pop("attributes").items()
    }
    person, split = np.array(facts.pop("person")), np.array(facts.pop("split"))
    return Cohort(
        x=arrays["x"],
        y=arrays["y"],
        person=person,
        split=split,
        attributes=pd.DataFrame(attributes, index=range(len(person))),
        attrition=pd.DataFrame(facts.pop("attrition")),
        channels=tuple(facts.pop("channels")),
        card=cards.load(facts.pop("dataset")),
        **facts,
    )
