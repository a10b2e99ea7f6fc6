"""The frame of a page: minutes are measured, commands are those that ran, launch buttons open the stored notebook."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import docstrings  # book/_ext
import page_frame
import pytest
import term_cards
from docutils import nodes
from docutils.utils import new_document

from book.pages.contracts import check
from fairlib.study.parameters import ROOT


def run_of(tmp_path, name="5_evaluation", duration=30.0, **parameters) -> Path:
    """A notebook with papermill's record, as it stands in an executed one."""
    made = {"input_path": f"notebooks/{name}.ipynb", "duration": duration, "parameters": parameters}
    path = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": {"papermill": made}}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "less than a minute"), (44, "less than a minute"), (45, "1 minute"), (89, "1 minute"), (95, "2 minutes")],
)
def test_minutes_in_words(seconds, words):
    assert page_frame.minutes(seconds) == words


def test_a_page_knows_its_command_and_its_time(tmp_path):
    run = page_frame.executed(run_of(tmp_path, dataset="challenge2012", source="frozen", recipe="tuned"))
    wanted = check("5_evaluation", {"dataset": "challenge2012", "source": "frozen", "recipe": "tuned"}).command()
    assert run.command == wanted
    assert (run.source, run.dataset) == ("frozen", "challenge2012")
    assert page_frame.took([run]) == "less than a minute"


def test_the_minutes_are_those_of_papermill_and_say_that_training_is_apart(tmp_path):
    given = {"dataset": "mimic", "profile": "smoke", "seeds": [1]}
    two, five = (
        page_frame.executed(run_of(tmp_path, name, 40, **given)) for name in ("2_pre_training", "5_evaluation")
    )
    card = page_frame.executed(run_of(tmp_path, "data_card", 100, dataset="mimic"))
    assert page_frame.took([two, five], " to run") == "1 minute to run, the training of models apart"
    assert page_frame.took([card]) == "2 minutes"


def test_a_page_without_parameters_has_a_command(tmp_path):
    run = page_frame.executed(run_of(tmp_path, "coverage"))
    assert (run.command, run.dataset) == ("papermill notebooks/coverage.ipynb out.ipynb", "")


def test_a_chapter_or_a_notebook_that_never_ran_has_no_run(tmp_path):
    assert page_frame.executed(Path("book/limits.md")) is None
    assert page_frame.executed(ROOT / "notebooks" / "5_evaluation.ipynb") is None
    assert page_frame.executed(run_of(tmp_path, dataset="table", source=str(tmp_path / "gone"))) is None


def test_pages_of_one_notebook_have_titles_of_their_own(tmp_path):
    """Twice, as an environment is kept between builds: nothing is said twice."""
    paths = {
        "executed/mesa/5_evaluation": run_of(tmp_path, dataset="mesa", profile="smoke"),
        "executed/challenge2012/5_evaluation": run_of(
            tmp_path, dataset="challenge2012", source="frozen", recipe="tuned"
        ),
        "executed/mesa/1_dataset_requirements": run_of(tmp_path, "1_dataset_requirements", dataset="mesa"),
        "limits": Path("book/limits.md"),
    }
    titles = {name: nodes.title("", "A & B") for name in paths}
    env = SimpleNamespace(titles=titles, longtitles=dict(titles), doc2path=paths.get)
    for _ in range(2):
        page_frame.say_whose_data(None, env)
    assert [title.astext() for title in env.longtitles.values()] == [
        "A & B (MESA twin)",
        "A & B (Challenge 2012)",
        "A & B (MESA twin)",
        "A & B",
    ]
    first, second, *_ = paths
    app = SimpleNamespace(env=env, builder=SimpleNamespace(relations={first: [None, None, second]}))
    context = {"prev": None, "next": {"link": "x", "title": "A & B"}}
    page_frame.name_neighbours(app, first, "page.html", context, None)
    assert context == {"prev": None, "next": {"link": "x", "title": "A &amp; B (Challenge 2012)"}}


def test_reading_takes_words_and_pictures_but_no_code():
    page = new_document("")
    page += nodes.section("", nodes.paragraph("", "word " * 400), nodes.literal_block("", "x " * 4000))
    page += nodes.raw("", "<figure></figure><table class='a'></table><tablet>", format="html")
    assert page_frame.reading_minutes(page) == pytest.approx(2 + 0.5)
    within = new_document("within")  # as in the PDF
    within += nodes.paragraph("", "word " * 200)
    page.children += within.children
    assert page_frame.reading_minutes(page) == pytest.approx(2 + 0.5)
    assert page_frame.reading_minutes(within) == pytest.approx(1)


def test_launch_buttons_open_the_stored_notebook():
    url = "https://colab.example/github/a/b/blob/main/book/executed/mimic/5_evaluation.ipynb"
    context = {"header_buttons": [{"type": "group", "buttons": [{"url": url}, {"javascript": "x"}]}, {"type": "link"}]}
    page_frame.launch_stored_notebook(None, "executed/mimic/5_evaluation", "page.html", context, None)
    assert context["header_buttons"][0]["buttons"][0]["url"].endswith("/a/b/blob/main/notebooks/5_evaluation.ipynb")


@pytest.mark.parametrize(("repository", "url"), [("me/study", "https://github.com/me/study"), ("", "as configured")])
def test_a_book_built_on_github_leads_to_its_own_repository(monkeypatch, repository, url):
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    monkeypatch.setenv("GITHUB_REPOSITORY", repository)
    config = SimpleNamespace(html_theme_options={"repository_url": "as configured"})
    page_frame.published_from(None, config)
    assert config.html_theme_options["repository_url"] == url


def test_docstrings_become_definitions_and_keep_their_bars():
    lines = [
        "Of |1 − r| and ``a | b``.",
        "",
        "Parameters",
        "----------",
        "x, y: (n,) of 0",
        "    and 1.",
        "",
        "Returns z.",
    ]
    docstrings.as_rst(None, "function", "f", None, None, lines)
    text = "\n".join(lines)
    assert lines[0] == r"Of \|1 − r\| and ``a | b``."
    assert "``x, y``\n    (n,) of 0\n    and 1.\n\nReturns z." in text
    assert "Parameters" not in text


def test_a_change_of_the_glossary_is_one_of_every_page():
    env, changed = SimpleNamespace(found_docs={"intro", "glossary", "limits"}), ["glossary"]
    term_cards.read_all_after_glossary(None, env, changed)
    assert changed == ["glossary", "intro", "limits"]
    term_cards.read_all_after_glossary(None, env, other := ["intro"])
    assert other == ["intro"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("--editable", 1),  # an option stays whole
        ("0.05", 1),
        ("1_fairness.ipynb", 2),  # and so does a file's ending
        ("notebooks/course/1_fairness.ipynb", 3),
        ("fairlib.fairness.ratio_metrics", 4),
        ("results/&lt;dataset&gt;/real-&lt;profile&gt;/", 4),
    ],
)
def test_names_in_code_break_between_words(name, parts):
    context = {"body": f'<p>{name}</p><code><span class="pre">{name}</span></code>'}
    page_frame.break_names_between_words(None, "", "", context, None)
    prose, code = context["body"].split("</p>")
    assert prose == f"<p>{name}"
    assert re.sub("<wbr[^>]*>", "", code) == f'<code><span class="pre">{name}</span></code>'
    assert code.count("<wbr") == parts - 1
    assert code.count("fairlib-narrow") == (parts - 1) * (len(name) <= page_frame.COLUMN)
