"""A twin's cohort comes back from the disk equal in every value; one of real people is never written."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from fairlib import readers, twins
from fairlib.study.cohort_files import load_cohort, save_cohort
from fairlib.study.parameters import check
from fairlib.study.sources import open_study


@pytest.mark.parametrize("dataset", twins.known())
def test_a_twin_comes_back_equal(tmp_path, dataset):
    twins.write(dataset, tmp_path / "twin", twins.sized(dataset, 200, 4))
    made = readers.read(dataset, tmp_path / "twin")
    made = made.part(np.arange(len(made)), np.asarray(made.x[np.arange(len(made))]), ("all of them", ""))
    save_cohort(tmp_path / "cohort", {"of": dataset}, made)
    found = load_cohort(tmp_path / "cohort")
    for name in (field.name for field in fields(made)):
        one, other = getattr(made, name), getattr(found, name)
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, other, check_dtype=name == "attributes")
        else:
            np.testing.assert_array_equal(one, other)
    assert found.fingerprint() == made.fingerprint()
    assert (found.x.dtype, found.y.dtype, found.person.dtype.kind) == (np.float32, np.int8, made.person.dtype.kind)


def test_real_people_are_never_written(tmp_path, make_cohort):
    with pytest.raises(ValueError, match="real people are not kept"):
        save_cohort(tmp_path / "cohort", {}, replace(make_cohort(), origin="real"))
    assert not (tmp_path / "cohort").exists()


def test_files_are_read_once_and_again_when_the_kept_cohort_is_damaged(tmp_path, monkeypatch):
    p = check("2_pre_training", {"dataset": "mimic", "profile": "smoke", "results_dir": str(tmp_path)})
    first = open_study(p).fingerprint
    read, times = readers.read, []
    monkeypatch.setattr(readers, "read", lambda *given: times.append(given) or read(*given))
    assert open_study(p).fingerprint == first
    assert not times
    kept = next(tmp_path.rglob("windows.safetensors"))
    kept.write_bytes(kept.read_bytes()[:-1])
    assert open_study(p).fingerprint == first
    assert len(times) == 1
    file = next(tmp_path.rglob("train_listfile.csv"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    assert open_study(p).fingerprint == first
    assert len(times) == 1  # the kept cohort is whole, and the damaged file is mended all the same
    assert file.read_bytes() == whole


def test_files_are_read_again_when_the_tables_of_readers_and_twins_change(tmp_path, monkeypatch):
    p = check("2_pre_training", {"dataset": "mimic", "profile": "smoke", "results_dir": str(tmp_path)})
    open_study(p)
    read, times = readers.read, []
    monkeypatch.setattr(readers, "read", lambda *given: times.append(given) or read(*given))
    monkeypatch.setattr("fairlib.study.sources.checksum", lambda path: f"{path.name}, edited")
    open_study(p)
    assert len(times) == 1
