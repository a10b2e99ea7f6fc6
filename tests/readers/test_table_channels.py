"""Columns of windows that are no channel: the label, an attribute, a key, the split, a row number; CSV and parquet."""

import numpy as np
import pandas as pd
import pytest
import yaml

from fairlib.cohort import CohortError
from fairlib.readers import table, template


@pytest.fixture
def folder(tmp_path):
    return template.write(tmp_path / "data")


def written(folder, frame, kind, channels=None):
    """The reader on these windows; the card counts their channels, as a user would write it."""
    card = yaml.safe_load((folder / "card.yaml").read_text())
    card["windows"]["channels"] = channels or frame.shape[1] - 3
    (folder / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False))
    if kind == "csv":
        frame.to_csv(folder / "windows.csv", index=False)
    else:
        (folder / "windows.csv").unlink()
        frame.to_parquet(folder / "windows.parquet")
    return table.read(folder)


def outcome(folder, frame):
    return frame["window"].map(pd.read_csv(folder / "labels.csv").set_index("window")["label"])


def windows(folder):
    return pd.read_csv(folder / "windows.csv")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "name",
    ["label", "LABEL", " Label ", "label_", "Split", "Person", "WINDOW", "Time", "sex", "Age", " s-e-x"],
)
def test_a_channel_named_like_another_column(folder, name, kind):
    frame = windows(folder)
    values = np.random.default_rng(0).normal(size=len(frame))  # whatever it holds
    with pytest.raises(CohortError, match="it has the name of") as error:
        written(folder, frame.assign(**{name: values}), kind)
    assert str(error.value).startswith(f"{folder / f'windows.{kind}'}, column {name.strip()!r}: ")
    assert "write windows.channels: 3 in card.yaml" in str(error.value)


def test_the_name_is_told_before_the_number_of_channels(folder):
    """Else the advice would be to count the label in the card."""
    with pytest.raises(CohortError, match=r"column 'label'.*such columns: 'label', 'sex'"):
        written(folder, windows(folder).assign(label=0, sex=0), "csv", channels=3)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "copy",
    [
        lambda y: y,
        lambda y: 1 - y,
        lambda y: y.map({0: -1.5, 1: 1e6}),
        lambda y: y == 1,
        lambda y: y.where(y.index % 6 == 5).astype(float),
    ],
    ids=["same", "turned", "coded", "truth", "at the last step"],
)
def test_a_copy_of_the_label_under_another_name(folder, copy, kind):
    frame = windows(folder)
    with pytest.raises(CohortError, match=r"column 'stress': it is .* wherever the label is 1"):
        written(folder, frame.assign(stress=copy(outcome(folder, frame))), kind)


def test_a_channel_that_nearly_tells_the_label_is_a_channel(folder):
    frame = windows(folder)
    y = outcome(folder, frame)
    one = frame["window"] == frame["window"].iloc[0]
    cases = {
        "but for one window": y.where(~one, 1 - y),
        "in few windows": y.astype(float).where(frame["window"].isin(frame["window"].unique()[:20])),
        "constant": 1.0 + 0 * y,
        "flag": (frame["person"].str[-1] == "1").astype(int),
        "step": frame.groupby("window").cumcount(),
    }
    cohort = written(folder, frame.assign(**cases), "csv")
    assert cohort.channels[3:] == tuple(cases)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["Unnamed: 0", "index", "level_0", "Row", "a counter"])
def test_a_running_row_number(folder, name, kind):
    frame = windows(folder)
    with pytest.raises(CohortError, match=rf"column '{name}': it is the number of a row"):
        written(folder, frame.assign(**{name: np.arange(len(frame)) + 1}), kind)


def test_the_row_numbers_of_a_larger_file(folder):
    """A part was taken, or the rows were sorted, after the number was written."""
    frame = windows(folder)
    shuffled = 3 * np.random.default_rng(0).permutation(len(frame))
    with pytest.raises(CohortError, match="column 'index': it is the number of a row"):
        written(folder, frame.assign(index=shuffled), "csv")


def test_a_header_without_a_name(folder):
    frame = windows(folder)
    with pytest.raises(CohortError, match="column 'Unnamed: 6': it has no name; give it one if it is a measurement"):
        written(folder, frame.assign(**{"": frame["steps"]}), "csv")


def test_an_index_that_pandas_keeps_in_a_parquet_is_no_channel(folder):
    frame = windows(folder)
    expected = table.read(folder).fingerprint()
    assert written(folder, frame.set_axis(np.arange(len(frame)) * 2), "parquet").fingerprint() == expected


def test_a_measurement_called_index_is_a_channel(folder):
    frame = windows(folder)
    assert "index" in written(folder, frame.assign(index=frame["heart_rate"]), "csv").channels
