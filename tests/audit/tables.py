"""Small tables of predictions, for the tests of the audit."""

from pathlib import Path

import numpy as np
import pandas as pd

from fairlib.seeds import generator


def predictions(people: int = 240, rows: int = 2) -> pd.DataFrame:
    """Two models of people with two rows each; one attribute has three groups, of which ``few`` has four people."""
    draw = generator(0, "tests", "audit")
    label = (draw.random(people * rows) < 0.4).astype(int)
    score = {f"score_{name}": 1 / (1 + np.exp(draw.normal(1 - 2 * label, 1.3))) for name in ("old", "new")}
    groups = {"sex": draw.choice(["female", "male"], people)}
    groups["site"] = draw.choice(["A", "B", "C", "few"], people, p=[0.4, 0.3, 0.3, 0])
    groups["site"][:4] = "few"
    who = {"person": [f"NHS-{at:05d}" for at in range(people)]} | groups
    table = pd.DataFrame(who).loc[np.repeat(np.arange(people), rows)].reset_index(drop=True)
    table.insert(1, "label", label)
    return table.assign(**{name: values.round(6) for name, values in score.items()})


def write(folder: Path, table: pd.DataFrame, name: str = "predictions.csv") -> Path:
    """The table as a file, CSV or Parquet by its name."""
    (table.to_parquet if name.endswith("parquet") else table.to_csv)(folder / name, index=False)
    return folder / name
