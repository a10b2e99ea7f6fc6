"""Every exercise of the course, solved with its solution and with its stub, in the notebooks that otter derives."""

import doctest
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import nbformat
import pytest

from book.course import build
from fairlib.twins.mimic import SCORER

ROOT = Path(__file__).parent.parent.parent
LESSONS = sorted((ROOT / "notebooks" / "course").glob("*.ipynb"))
EACH = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
CHECK = re.compile(r'grader\.check\("(\w+)"\)')
OTTER = shutil.which("otter") or shutil.which("otter", path=ROOT / ".venv" / "otter" / "bin")


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def otter(*arguments: object) -> subprocess.CompletedProcess:
    assert OTTER, "otter-grader is not installed; `make test` installs it in .venv/otter"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [OTTER, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """student/ and instructor/ as ``make course`` makes them; otter's own run of the solutions is left to that."""
    where = tmp_path_factory.mktemp("course")
    for lesson in LESSONS:
        done = otter("assign", "--no-run-tests", lesson, where / lesson.stem)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return where


def packed_tests(made: Path, lesson: Path) -> dict[str, list[str]]:
    """Question → all its tests, hidden ones too, as they are packed for grading: texts of doctest."""
    (packed,) = (made / lesson.stem / "autograder").glob("*.zip")
    with zipfile.ZipFile(packed) as archive:
        found = {}
        for name in archive.namelist():
            if name.startswith("tests/") and name.endswith(".py"):
                spec = {}
                exec(archive.read(name).decode(), spec)
                found[spec["test"]["name"]] = [case["code"] for case in spec["test"]["suites"][0]["cases"]]
        return found


def passes(test: str, names: dict) -> bool:
    """Whether a test passes among these names, judged as otter does."""
    quiet = doctest.DocTestRunner(verbose=False)
    examples = doctest.DocTestParser().get_doctest(test, names, "test", None, None)
    return quiet.run(examples, out=lambda text: None).failed == 0


def stubs(made: Path, lesson: Path) -> dict[str, str]:
    """Question → the code that a student finds in its answer cells."""
    found, code = {}, []
    for cell in read(made / lesson.stem / "student" / lesson.name).cells:
        if "otter_answer_cell" in cell.metadata.get("tags", ()):
            code.append(cell.source)
        elif check := CHECK.match(cell.source):
            found[check[1]] = "\n".join(code)
        if "otter_answer_cell" not in cell.metadata.get("tags", ()):
            code = []
    return found


def test_there_are_three_lessons_with_six_exercises_and_more():
    counted = {lesson.stem: build.questions(read(lesson)) for lesson in LESSONS}
    assert len(counted) == 3
    assert all(len(questions) >= 6 for questions in counted.values())
    assert sum(map(len, counted.values())) >= 18
    for questions in counted.values():
        assert {question.to_think for question in questions} == {True, False}


@EACH
def test_every_exercise_has_a_title_a_solution_and_if_it_is_code_tests(lesson):
    for question in build.questions(read(lesson)):
        assert question.title, question.name
        assert any(cell.source.strip() for cell in question.solution), question.name
        kinds = [cell.source.startswith("# HIDDEN") for cell in question.tests]
        assert question.to_think or (True in kinds and False in kinds), question.name


@EACH
def test_solutions_pass_all_tests_and_stubs_pass_none(made, lesson):
    tests, stub, solved = packed_tests(made, lesson), stubs(made, lesson), {}
    assert set(tests) == {question.name for question in build.questions(read(lesson)) if not question.to_think}
    for cell in read(made / lesson.stem / "autograder" / lesson.name).cells:
        if cell.cell_type != "code" or "otter.Notebook" in cell.source or "check_all" in cell.source:
            continue
        if not (check := CHECK.match(cell.source)):
            exec(compile(cell.source, lesson.name, "exec"), solved)
            continue
        untouched = dict(solved)
        exec(stub[check[1]], untouched)
        for test in tests[check[1]]:
            assert passes(test, dict(solved)), f"{check[1]} with its solution fails:\n{test}"
            assert not passes(test, dict(untouched)), f"{check[1]} with its stub passes:\n{test}"


@EACH
def test_students_get_neither_solutions_nor_hidden_tests(made, lesson):
    given = (made / lesson.stem / "student" / lesson.name).read_text(encoding="utf-8")
    plain = "\n".join(cell.source for cell in nbformat.reads(given, as_version=4).cells)
    assert "SOLUTION" not in given
    assert "HIDDEN" not in given
    specs = json.loads(given)["metadata"]["otter"]["tests"].values()
    assert not any(case["hidden"] for spec in specs for case in spec["suites"][0]["cases"])
    for question in build.questions(read(lesson)):
        hidden = [cell.source for cell in question.tests if cell.source.startswith("# HIDDEN")]
        secret = [line for source in hidden for line in source.splitlines() if line.startswith("assert")]
        for cell in question.solution:
            if cell.cell_type == "markdown":
                secret += cell.source.splitlines()
            for part in re.findall(r"# BEGIN SOLUTION.*?\n(.*?)# END SOLUTION", cell.source, flags=re.S):
                secret += part.splitlines()
        told = "\n".join(cell.source for cell in question.prompt)
        secret = {line.strip() for line in secret if len(line.strip()) > 30 and line.strip() not in told}
        assert secret, question.name
        assert not [line for line in secret if line in plain], question.name


@EACH
def test_the_page_folds_solutions_and_the_slides_need_nothing_from_outside(lesson):
    notebook = read(lesson)
    questions, page = build.questions(notebook), build.page(notebook)
    text = "\n".join(cell.source for cell in page.cells)
    assert text.count("{exercise-start}") == text.count("{solution-start}") == len(questions)
    assert text.count(":class: dropdown") == len(questions)
    assert not re.search(r"(BEGIN|END) (SOLUTION|QUESTION|TESTS)|# SOLUTION|# HIDDEN", text)
    assert not any(cell.cell_type == "raw" for cell in page.cells)
    slides = build.slides(notebook)
    head = slides.partition("<script>")[0] + slides.partition("<main")[2]
    assert all(f"Exercise: {question.title}" in slides for question in questions)
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\(["']?http""", head)
    assert "<script src" not in slides


def test_the_rule_of_lesson_1_is_that_of_the_twin():
    text = " ".join(cell.source for cell in read(LESSONS[0]).cells)
    assert SCORER.middle == 100
    assert "Above 100 beats per minute" in text
    assert SCORER.typical < SCORER.middle
    assert "it never raises an alarm" in text


@EACH
def test_lessons_are_stored_without_outputs(lesson):
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in read(lesson).cells)


@pytest.mark.slow
@EACH
def test_otter_grades_the_solution_with_all_points_and_the_stub_with_none(made, lesson, tmp_path):
    (packed,) = (made / lesson.stem / "autograder").glob("*.zip")
    scores = {}
    for kind in ("autograder", "student"):
        where = tmp_path / kind
        where.mkdir()  # otter asks for a folder that is there
        done = otter("run", "--autograder", packed, "--output-dir", where, made / lesson.stem / kind / lesson.name)
        assert done.returncode == 0, done.stderr[-3000:]
        results = json.loads((where / "results.json").read_text(encoding="utf-8"))
        graded = [test for test in results["tests"] if test.get("max_score")]
        scores[kind] = sum(test["score"] for test in graded), sum(test["max_score"] for test in graded)
    assert scores["autograder"][0] == scores["autograder"][1] > 0
    assert scores["student"][0] == 0


@EACH
def test_the_lecturer_has_a_plan_of_90_minutes_with_every_exercise(lesson):
    text = (ROOT / "book" / "course" / f"{lesson.stem}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d):(\d\d) \| (\d+) \|", text, flags=re.M)
    starts, minutes = [60 * int(hour) + int(minute) for hour, minute, _ in rows], [int(row[2]) for row in rows]
    assert sum(minutes) == 90
    assert starts == [sum(minutes[:i]) for i in range(len(minutes))]
    for heading in ("Plan by the minute", "Common misconceptions", "Questions for discussion"):
        assert f"## {heading}" in text
    exercises = re.findall(r"Exercise \*([^*]+)\*", text)
    titles = [question.title for question in build.questions(read(lesson))]
    assert sorted(exercises) == sorted(titles)
