"""Which files of a card lie in a folder: every layout complete, and what is said of one that is not."""

import pytest

from fairlib import cards, twins
from fairlib.cards import DataFile
from fairlib.readers import inventory


def report(folder, dataset):
    return inventory.lines(folder, cards.load(dataset).obtain.files)


@pytest.mark.parametrize("dataset", cards.all())
def test_a_twin_has_every_file_that_its_reader_needs(tmp_path, dataset):
    """The twin is written in the official layout and read by the official reader, so nothing of the list may lack."""
    twins.write(dataset, tmp_path, {"windows": 240}, 0)
    lines = report(tmp_path, dataset)
    assert not [line for line in lines if "MISSING" in line]
    assert any(line.endswith((": there", "files")) for line in lines)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_names_in_any_case_packed_or_not(tmp_path):
    touch(tmp_path, "admissions.CSV.GZ", "Sub/b-1.csv", "sub2/B-2.csv.gz")
    assert inventory.find(tmp_path, DataFile(path="ADMISSIONS.csv", holds="")) == [tmp_path / "admissions.CSV.GZ"]
    many = DataFile(path="sub/b-N.csv", holds="", found_by=["sub*/b-*.csv"])
    assert inventory.find(tmp_path, many) == [tmp_path / "Sub/b-1.csv", tmp_path / "sub2/B-2.csv.gz"]
    assert inventory.find(tmp_path, DataFile(path="sub/c.csv", holds="")) == []
    assert inventory.find(tmp_path / "none", many) == []
    assert inventory.lines(tmp_path, [many]) == ["sub/b-N.csv: 2 files"]


def test_one_way_is_enough(tmp_path):
    touch(tmp_path, *(f"{name}.csv.gz" for name in ["ADMISSIONS", "PATIENTS", "ICUSTAYS", "CHARTEVENTS", "LABEVENTS"]))
    lines = report(tmp_path, "mimic")
    assert "CHARTEVENTS.csv: there" in lines
    assert lines.count("ICUSTAYS.csv: there") == 1
    assert any(line.startswith("DIAGNOSES_ICD.csv: not there, optional: ") for line in lines)
    assert lines[-1].startswith("the benchmark's output (in-hospital-mortality/train_listfile.csv, ")
    assert lines[-1].endswith("not there, and not needed beside the raw tables")
    (tmp_path / "LABEVENTS.csv.gz").unlink()
    lines = report(tmp_path, "mimic")
    assert "LABEVENTS.csv: MISSING: laboratory tests" in lines
    assert sum("MISSING" in line for line in lines) == 1  # nobody began the other way


def test_an_empty_folder_lacks_everything(tmp_path):
    lines = report(tmp_path, "challenge2012")
    assert sum("MISSING" in line for line in lines) == 4
    assert "Outcomes-c.txt: not there, optional: the labels of set c; sealed" in lines
    touch(tmp_path, "Outcomes-b.txt")
    lines = report(tmp_path, "challenge2012")
    assert [line.partition(":")[0] for line in lines if "MISSING" in line] == ["set-b.tar.gz"]
    touch(tmp_path, "set-b/1.txt")
    lines = report(tmp_path, "challenge2012")
    assert "set-b.tar.gz: there" in lines
    assert "set a (set-a.tar.gz, Outcomes-a.txt): not there, and not needed beside set b" in lines
