"""The chapter on the released analysis: findings, their numbers against the collection, their sentences, our runs."""

import json
import re
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from book.pages.contracts import ReleaseAudit
from book.release import audit, findings, published, runs, sentences, simulations
from book.release import tables as tables
from book.release.published import PublishedError
from book.release.templates import TemplateError
from fairlib.encoder import Encoder
from fairlib.measures import summary
from fairlib.recipes import RECIPES
from fairlib.report import columns
from fairlib.text import percent
from tests.release import recipes_on_twins, release_numbers

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "release_audit.ipynb"
IDS = [f"D{i}" for i in range(1, 51)]
#: Tables of the collection without a source of each number: what they were measured from.
PICTURE = "GitHub sdimi/sdimi.github.io, commit 236c86e, projects/SSLfairness: picture of the {} figure"

# The findings --------------------------------------------------------------------------------------------------------


def test_every_finding_is_there_once_with_its_certainty_and_its_source():
    entries = yaml.safe_load(findings.FILE.read_text(encoding="utf-8"))
    assert [entry["id"] for entry in entries] == IDS
    certain = [of.certainty for of in findings.load().values()]
    text = page()
    found = re.search(r"50 findings.*?(\d+) are\s+certain, (\d+) of high and (\d+) of moderate", text, re.S)
    assert list(found.groups()) == [str(certain.count(name)) for name in ("certain", "high", "moderate")]
    for of in findings.load().values():
        assert re.search(r"cells? \d|:\d|xlsx|ipynb|notebooks|function|picture of", of.source), of.id
        assert of.does != of.changes != of.lesson


def test_certainty_and_sections_are_those_of_the_collection(shared):
    text = (shared / "published" / "README.md").read_text(encoding="utf-8")
    heads = dict(re.findall(r"^- \*\*(D\d+)\. (.*?)\*\*", text, re.M))
    assert set(heads) == set(IDS)
    for name, head in heads.items():
        stated = re.findall(r"certain|high|moderate", head.rpartition(". ")[2].lower() or head.lower())
        assert findings.load()[name].certainty in (stated or re.findall(r"Certain|High|Moderate", head)), name
    section = ""
    for line in text.splitlines():
        section = line.lstrip("# ").lower() if line.startswith("##") else section
        if (found := re.match(r"- \*\*(D\d+)\.", line)) and not section.startswith("added"):
            assert section.startswith(findings.load()[found[1]].section), found[1]


def test_five_findings_lead():
    leading = sorted((of for of in findings.load().values() if of.lead), key=lambda of: of.lead)
    assert [of.lead for of in leading] == list(range(1, 6))
    assert re.findall(r'tell\("(D\d+)"', page()) == [of.id for of in leading]  # the chapter tells them in this order


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entries: entries[2].pop("source"), "entry 3: source: Field required"),
        (lambda entries: entries[2].update(certainty="sure"), "entry 3: certainty"),
        (lambda entries: entries[2].update(certanty="high"), "entry 3: certanty"),
    ],
)
def test_a_file_of_findings_that_cannot_be_right_is_refused(tmp_path, change, message):
    entries = yaml.safe_load(findings.FILE.read_text(encoding="utf-8"))
    change(entries)
    (tmp_path / "findings.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
    with pytest.raises(PublishedError, match=message):
        findings.load(tmp_path / "findings.yaml")


def test_numbers_are_those_of_the_collection(shared):
    """Every number stands in the collection, with its source; derived ones are computed again below."""
    folder = shared / "published"
    by_source: dict[str, list[str]] = {}
    for path in folder.glob("*.csv"):
        picture = {"paper_figure_parity": "parity", "paper_figure_cka": "CKA"}.get(path.stem)
        for row in pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records"):
            source = PICTURE.format(picture) if picture else row.get("source", "")
            by_source.setdefault(source, []).extend(map(str, row.values()))
    prose = (folder / "README.md").read_text(encoding="utf-8").replace(",", "")
    for row in published.table("audit").itertuples():
        if row.kind == "derived":
            continue
        words = " ".join(by_source.get(row.source, [])) + prose
        number = f"{row.value:g}" if row.value != int(row.value) else str(int(row.value))
        found = {float(word) for word in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", words)}
        assert any(np.isclose(row.value, other, rtol=1e-9) for other in found) or row.value in (0, 1), (row, number)


def test_derived_numbers_follow_from_the_collection(shared):
    counts = pd.read_csv(shared / "published" / "segment_counts.csv")
    raw = counts.query("dataset == 'MIMIC' and split == 'train' and attribute == 'ETHNICITY (raw code)'")["value"]
    taken = audit.numbers("D32", "training windows in all").rename(index=int)
    assert taken.to_dict() == {n: raw.clip(upper=n).sum() for n in taken.index}
    assert audit.numbers("D32", "raw codes")["all"] == len(raw) == 39
    assert raw.sum() == audit.size("MIMIC", "train")
    people = audit.numbers("D39", "windows, test")
    black, rest, hispanic = (people[name] for name in ("Black", "everybody else", "Hispanic"))
    assert black + rest == audit.size("MIMIC", "test")
    assert black**2 + black * rest == audit.numbers("D39", "pairs")["SSL"]
    assert black**2 + black * hispanic == audit.numbers("D39", "pairs")["supervised"]


def test_nothing_describes_one_person():
    rows = published.table("audit")
    assert not rows["group"].isin(["Transgender", "Genderqueer", "Other"]).any()
    counts = rows[rows["item"].str.contains("windows") & ~rows["item"].str.contains("codes|positive|share|ratio")]
    assert counts.loc[counts["value"] > 0, "value"].min() >= 11


def test_an_unknown_number_is_named():
    with pytest.raises(KeyError, match="no published numbers of D1: 'heights'"):
        audit.numbers("D1", "heights")


# From published numbers ----------------------------------------------------------------------------------------------


def test_schedules_agree_with_the_collection(shared):
    theirs = pd.read_csv(shared / "published" / "hyperparameters.csv").query("stage == 'schedule length (derived)'")
    theirs = theirs[theirs["parameter"].str.contains("epochs until")].astype({"value": float})
    names = {"pre-training": "pre-training", "fine-tuning of SSL": "fine-tuning", "supervised": "supervised"}
    for row in audit.schedules().itertuples():
        there = theirs[(theirs["dataset"] == row.dataset) & theirs["parameter"].str.startswith(names[row.training])]
        assert row.zero_epoch == pytest.approx(there["value"].item(), abs=6e-4)
        assert row.schedule.rate(row.zero_step, row.windows) == 0
        assert row.schedule.rate(row.zero_step - 1, row.windows) > 0
    described = audit.schedules(RECIPES["paper_text"])
    assert (described["zero_epoch"] >= 1).all()


def test_the_loss_of_keras_against_a_simulation():
    mean, sd = release_numbers.loss_weights((900, 100), 50)
    draw = np.random.default_rng(0)
    weights = np.where(draw.random((20_000, 50)) < 0.1, 1000 / 200, 1000 / 1800).mean(axis=1)
    assert (mean, sd) == (pytest.approx(weights.mean(), rel=0.01), pytest.approx(weights.std(), rel=0.02))
    assert mean == pytest.approx(1)
    labels = tuple(audit.size("MIMIC", "train", name) for name in ("label_0", "label_1"))
    _, spread = release_numbers.loss_weights(labels, RECIPES["paper_code"].finetuning.schedule.batch_size)
    assert f"varies by {percent(spread)} (standard deviation)" in page()


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_layer_lengths_are_those_of_the_encoder(padding):
    import torch

    lengths = [part.shape[1] for part in Encoder(2, padding).activations(torch.zeros(1, 48, 2))]
    assert tuple(lengths) == release_numbers.layer_lengths(48, padding)


def test_mesa_labels():
    found = audit.mesa_labels()
    assert found["predicted"].nunique() == found["windows"].nunique() == 1
    assert found.loc["wake", "accuracy"] == pytest.approx(audit.numbers("D1", "accuracy against wake").item())
    assert found.loc["gt", "positive"] == audit.size("MESA", "test", "label_gt_1")
    wake = found.loc["wake", "positive"]
    assert wake not in (found.loc["gt", "positive"], found.loc["gt", "windows"] - found.loc["gt", "positive"])


def test_stored_time_axis():
    assert release_numbers.window_order(2).tolist() == [-1, -1, 3, 1]
    order = release_numbers.window_order()
    assert len(order) == 100
    # Places of a kernel of 24 with t−50 and t+1 (positions 50 and 51 of 101) both under it.
    across = sum(1 for start in range(101 - 24 + 1) if start <= 50 and start + 23 >= 51)
    assert release_numbers.across(order, 24) == across == 23


def test_chance_interval_against_simulation():
    draw = np.random.default_rng(0)
    ranks = draw.random((4000, 100)).argsort(axis=1).argsort(axis=1)[:, :30] + 1
    areas = (ranks.sum(axis=1) - 30 * 31 / 2) / (30 * 70)
    low, high = audit.chance_interval(30, 70)
    assert np.mean((areas > low) & (areas < high)) == pytest.approx(0.95, abs=0.015)


def test_turned_ratios():
    rows = release_numbers.published_ratios()
    assert (
        rows["deviation"] - published.table("parity_deviation").loc[rows.index, "parity_deviation"]
    ).abs().max() < 1e-6
    np.testing.assert_allclose(rows["swapped"], np.abs(1 - 1 / rows["value"]))
    assert rows["turned"].tolist() == ((rows["deviation"] < 0.2) != (rows["swapped"] < 0.2)).tolist()


def test_swapped_legends_follow_from_parameter_counts():
    for dataset in ("MIMIC", "MESA", "GLOBEM"):
        own = audit.trainable(audit.size(dataset, "test", "channels"))
        assert dict(audit.numbers("D27", "trainable parameters", dataset)) == own
    legends = published.table("overall_auc").query("run_tag.str.contains('legend shows')")
    for row in legends.itertuples():
        assert sentences.frozen_layers(row.model.replace("ssl_frozen2", "frozen_2")) != row.run_tag.partition(
            "legend shows "
        )[2].replace("+", " and ")


# Our runs, and the sentences -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cases():
    """Two cases as ``gathered`` has them, from made-up metrics of two seeds."""
    draw, made = np.random.default_rng(0), []
    for recipe, gap in (("paper_text", -0.1), ("paper_code", 0.0)):
        rows = []
        for strategy, shift in (("supervised", 0.0), ("frozen_1_middle", gap)):
            for seed in (1, 2):
                for scope, metric, attribute, value in (
                    ("overall", "auc", "everybody", 0.8 + shift + 0.01 * seed),
                    ("ratio", "error_rate_ratio", "age", 1.2 + shift),
                ):
                    row = {"strategy": strategy, "seed": seed, "scope": scope, "attribute": attribute, "segment": ""}
                    row |= {"metric": metric, "estimate": value, "replicates": value + 0.01 * draw.normal(size=50)}
                    rows.append(row | {"people": 100, "windows": 100, "events": 20, "note": ""})
        models = pd.DataFrame(rows)
        each = models[models["scope"] == "overall"][["strategy", "seed", "estimate"]]
        each = each.rename(columns={"estimate": "auc"}).assign(deviation=0.1, at_chance=False, one_decision=False)
        similar = pd.DataFrame(
            {"attribute": ["age", "unit"], "segment": ["<65", "MICU"], "people": [80, 90], "cka": [0.3, 0.2]}
        )
        similar = similar.assign(matched=[0.31, 0.2], matched_people=[60, 90])
        tables_of = {"cka": similar, "cka_released": similar.assign(windows=200, cka=0.4)}
        card = SimpleNamespace(metric=SimpleNamespace(metric="error_rate_ratio"), protected=lambda: ["age"])
        made.append(
            SimpleNamespace(
                title=f"A set, recipe {recipe}",
                p=SimpleNamespace(recipe=recipe),
                made=SimpleNamespace(origin="real"),
                card=card,
                ssl="frozen_1_middle",
                paired_seeds=(1, 2),
                headline=summary.headline(models, ["age"], "error_rate_ratio"),
                each_model=lambda each=each: each,
                study=SimpleNamespace(table=lambda name, strategy, seed, kept=tables_of: kept[name]),
            )
        )
    return made


def test_what_recipes_change(cases):
    found = runs.recipes(cases)
    assert found[["recipe", "model"]].apply(tuple, axis=1).tolist() == [
        (recipe, model) for recipe in ("paper_text", "paper_code") for model in ("supervised", "SSL")
    ]
    ssl = found[found["model"] == "SSL"].set_index("recipe")
    assert ssl.loc["paper_text", "auc_difference"] == pytest.approx(-0.1)
    assert ssl.loc["paper_code", "auc_difference"] == pytest.approx(0)
    shown = tables.recipes(found)
    shown = columns.written(shown)
    assert shown["AUC − supervised"].iloc[0] == "–"
    assert shown["AUC − supervised"].iloc[1].startswith("−0.100 [")


def test_spread_over_seeds(cases):
    spread = runs.seed_spread(cases)
    assert spread["seeds"].tolist() == [2, 2]
    assert spread["auc_min"].tolist() == pytest.approx([-0.1, 0])


def test_tables_of_several_cases_are_those_of_each_one(cases):
    """Nothing pools cases, so nothing pools twins with real data."""
    for of in (runs.recipes, runs.seed_spread, runs.similarity):
        parts = pd.concat([of([case]) for case in cases], ignore_index=True)
        pd.testing.assert_frame_equal(of(cases).reset_index(drop=True), parts)


def test_similarity_at_equal_sizes_and_as_the_release_took_it(cases):
    found = runs.similarity(cases)
    assert found["segment"].tolist() == ["<65", "<65"]  # a care segment is none
    numbers = ["people", "cka", "matched_people", "matched", "windows", "released"]
    assert found[numbers].iloc[0].tolist() == pytest.approx([80, 0.3, 60, 0.31, 200, 0.4])
    shown = columns.written(tables.similarity(found)).iloc[0]
    assert (shown["CKA"], shown["people, equal"], shown["CKA of these"]) == ("0.300", "60", "0.400")


def test_no_runs_no_table():
    assert runs.recipes([]).empty
    assert runs.seed_spread([]).empty
    assert runs.similarity([]).empty


def test_every_finding_has_its_sentence_with_numbers(cases):
    small = simulations.Simulated(
        simulations.globem_coin(100),
        simulations.published_extremes(20),
        simulations.view_agreement(40),
        simulations.interval_widths((1, 10), 60, 20),
        simulations.cka_by_size((30, 60), (3, 3)),
        simulations.cka_by_windows((1, 2), 20, 3),
        simulations.cka_of_repeats(20, 3),
    )
    for spread in (runs.seed_spread(cases), pd.DataFrame()):
        found = sentences.sentences(small, spread)
        assert list(found) == IDS
        for name, text in found.items():
            assert "nan" not in text.replace("finance", ""), name
            assert re.search(r"\d", text) or name in ("D7", "D17", "D18", "D45", "D47"), name
            assert text.endswith((".", "AUC", "AUC.")), (name, text)
        assert list(findings.every(found)["numbers"]) == list(found.values())


def test_sentences_that_state_their_numbers_follow_from_the_published_ones():
    """Every word and number, computed again; all others have a function, or nothing to compute."""
    stated = {name: of.sentence for name, of in findings.load().items() if not hasattr(sentences, name.lower())}
    nothing = {name for name, text in stated.items() if text.startswith(("nothing to compute", "withheld"))}
    assert nothing == {"D7", "D17", "D45", "D47"} == stated.keys() - release_numbers.TEMPLATES.keys()
    for name in release_numbers.TEMPLATES:
        assert stated[name] == release_numbers.sentence(name)
    found = release_numbers.dropout_agreement(20)
    assert found["inference"] == pytest.approx(1)
    assert found["training"] < 0.999


def test_the_chapter_says_which_numbers_are_simulated_and_which_from_our_runs():
    text = page()
    told = re.search(r"The numbers of (D12.*?)\s+are simulated, those of (D\d+) come from our own runs", text, re.S)
    asks = {
        argument: [name for name in IDS if argument in _arguments(sentences, name)]
        for argument in ("simulated", "seeds")
    }
    assert re.findall(r"D\d+", told[1]) == sorted([*asks["simulated"], "D14", "D25"], key=IDS.index)
    assert [told[2]] == asks["seeds"]
    marked = re.findall(r'tell\("(D\d+)", simulated_by\)', text)
    assert set(marked) == set(asks["simulated"]) & set(re.findall(r'tell\("(D\d+)"', text))


def _arguments(module, name: str):
    return signature(getattr(module, name.lower(), lambda: {})).parameters


def page() -> str:
    """The text of the chapter's notebook."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


CHANGED = (
    "length of layer, main models",
    "AUC, language",
    "trainable parameters",
    "pairs",
    "adjusted p-value, class 1",
)


def test_words_of_sentences_that_compare_follow_the_numbers(monkeypatch):
    """The same printed lengths, counts and p-values, then others."""
    given = {"d19": ("printed", True), "d22": ("carried", False), "d39": ("fits", True), "d44": ("same", True)}
    of = {name: (release_numbers, *expected) for name, expected in given.items()}
    of["d27"] = (sentences, "same", True)
    for name, (module, value, expected) in of.items():
        assert getattr(module, name)()[value] is expected, name
    kept = audit.numbers
    changed = lambda finding, item, dataset="": kept(finding, item, dataset) + (item in CHANGED)
    for module in (sentences, release_numbers):
        monkeypatch.setattr(module, "numbers", changed)
    for name, (module, value, expected) in of.items():
        assert getattr(module, name)()[value] is not expected, name


def test_a_sentence_that_lacks_a_number_names_its_finding(monkeypatch):
    wrong = dict(findings.load())
    wrong["D1"] = wrong["D1"].model_copy(update={"sentence": "{gt[windows]:count} and {wake[windows]:count}."})
    monkeypatch.setattr(findings, "load", lambda: wrong)
    with pytest.raises(TemplateError, match=r"findings\.yaml, D1: no placeholder for opposite"):
        sentences.sentences(None, pd.DataFrame())


def test_the_kept_table_of_recipes_on_twins_is_whole():
    """Each of its twins with every recipe; and the command that makes it gives the same columns."""
    table, where = runs.on_twins(ReleaseAudit())
    assert where.origin == "twin"
    assert set(table["origin"]) == {"twin"}
    assert set(table["recipe"]) == set(RECIPES)
    assert table["dataset"].nunique() == len(recipes_on_twins.DATASETS)
    for _, own in table.groupby(["dataset", "recipe"]):
        assert own["model"].tolist() == ["supervised", "SSL", "control"]
    assert table[["auc", "auc_low", "auc_high"]].notna().all(axis=None)
    shown = tables.recipes(table)
    assert len(shown) == len(table)


@pytest.mark.slow
def test_recipes_on_twins_can_be_made_again(tmp_path):
    kept, _ = runs.on_twins(ReleaseAudit())
    made = recipes_on_twins.rows("challenge2012", "tuned", tmp_path, "smoke", (1, 2))
    assert list(made) == list(kept)
    assert made["model"].tolist() == ["supervised", "SSL", "control"]
