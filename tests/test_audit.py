"""The chapter on the released analysis: findings, numbers against the collection, simulations against closed forms."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from book.release import audit, findings, published, runs, sentences, simulations
from book.release import tables as tables
from book.release.published import PublishedError
from fairlib.encoder import Encoder
from fairlib.fairness import ratio_metrics
from fairlib.measures import summary
from fairlib.recipes import RECIPES
from fairlib.similarity import cka
from fairlib.study.parameters import TWINS, ReleaseAudit
from tests import recipes_on_twins

IDS = [f"D{i}" for i in range(1, 47)]

# The findings --------------------------------------------------------------------------------------------------------


def test_every_finding_is_there_once_with_its_certainty_and_its_source():
    entries = yaml.safe_load(findings.FILE.read_text(encoding="utf-8"))
    assert [entry["id"] for entry in entries] == IDS
    for of in findings.load().values():
        assert of.certainty in findings.CERTAINTIES
        assert re.search(r"cells? \d|:\d|xlsx|ipynb|notebooks|function", of.source), of.id
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
        section = line.removeprefix("### ").lower() if line.startswith("### ") else section
        if found := re.match(r"- \*\*(D\d+)\.", line):
            assert section.startswith(findings.load()[found[1]].section), found[1]


def test_ten_findings_lead():
    assert [of.lead for of in findings.leading()] == list(range(1, 11))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entries: entries.pop(6), "D7 missing"),
        (lambda entries: entries.append(entries[0]), "D1 stands there twice"),
        (lambda entries: entries[2].pop("source"), "entry 3: source: Field required"),
        (lambda entries: entries[2].update(certainty="sure"), "entry 3: certainty"),
        (lambda entries: entries[2].update(certanty="high"), "entry 3: certanty"),
        (lambda entries: entries.append(entries[0] | {"id": "D47"}), "D47 is one more"),
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
    tables = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in folder.glob("*.csv")]
    by_source: dict[str, list[str]] = {}
    for table in tables:
        for row in table.to_dict("records"):
            by_source.setdefault(row["source"], []).extend(map(str, row.values()))
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
    assert described["seen"].eq(1).all()


def test_the_loss_of_keras_against_a_simulation():
    mean, sd = audit.loss_weights((900, 100), 50)
    draw = np.random.default_rng(0)
    weights = np.where(draw.random((20_000, 50)) < 0.1, 1000 / 200, 1000 / 1800).mean(axis=1)
    assert (mean, sd) == (pytest.approx(weights.mean(), rel=0.01), pytest.approx(weights.std(), rel=0.02))
    assert mean == pytest.approx(1)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_layer_lengths_are_those_of_the_encoder(padding):
    import torch

    lengths = [part.shape[1] for part in Encoder(2, padding).activations(torch.zeros(1, 48, 2))]
    assert tuple(lengths) == audit.layer_lengths(48, padding)


def test_mesa_labels():
    found = audit.mesa_labels()
    assert found["predicted"].nunique() == found["windows"].nunique() == 1
    assert found.loc["wake", "accuracy"] == pytest.approx(audit.numbers("D1", "accuracy against wake").item())
    assert found.loc["gt", "positive"] == audit.size("MESA", "test", "label_gt_1")
    wake = found.loc["wake", "positive"]
    assert wake not in (found.loc["gt", "positive"], found.loc["gt", "windows"] - found.loc["gt", "positive"])


def test_stored_time_axis():
    assert audit.window_order(2).tolist() == [-1, -1, 3, 1]
    order = audit.window_order()
    assert len(order) == 100
    # Places of a kernel of 24 with t−50 and t+1 (positions 50 and 51 of 101) both under it.
    across = sum(1 for start in range(101 - 24 + 1) if start <= 50 and start + 23 >= 51)
    assert sentences._across(order, 24) == across == 23


def test_chance_interval_against_simulation():
    draw = np.random.default_rng(0)
    ranks = draw.random((4000, 100)).argsort(axis=1).argsort(axis=1)[:, :30] + 1
    areas = (ranks.sum(axis=1) - 30 * 31 / 2) / (30 * 70)
    low, high = audit.chance_interval(30, 70)
    assert np.mean((areas > low) & (areas < high)) == pytest.approx(0.95, abs=0.015)


def test_turned_ratios():
    rows = audit.published_ratios()
    assert (
        rows["deviation"] - published.table("parity_deviation").loc[rows.index, "parity_deviation"]
    ).abs().max() < 1e-6
    np.testing.assert_allclose(rows["swapped"], np.abs(1 - 1 / rows["value"]))
    shown = tables.turned()
    assert len(shown) == ((rows["deviation"] < 0.2) != (rows["swapped"] < 0.2)).sum()


def test_swapped_legends_follow_from_parameter_counts():
    counts = tables.counts()
    assert not counts.to_string().count("ours")
    legends = published.table("overall_auc").query("run_tag.str.contains('legend shows')")
    for row in legends.itertuples():
        assert sentences._frozen(row.model) != row.run_tag.partition("legend shows ")[2].replace("+", " and ")


# Simulations ---------------------------------------------------------------------------------------------------------


def test_views():
    found = simulations.view_agreement(300).groupby("recipe", sort=False)
    (_, released), (_, described) = found
    assert released["flipped"].all()
    assert released["correlation"].min() > 0.9
    assert described["flipped"].mean() == pytest.approx(0.5, abs=0.1)
    assert (described["correlation"] < -0.9).mean() == pytest.approx(0.5, abs=0.1)


def test_a_coin_has_the_ratios_of_ratio_metrics():
    """A coin that always says yes leaves nothing to chance; with a random one, the mean is that of the oracle."""
    pair = [(400, 100), (600, 300)]
    ours = simulations.coin_deviation([pair], 0.5, 400).mean()
    draw = np.random.default_rng(1)
    y = np.concatenate([np.arange(n) < positive for n, positive in pair]).astype(int)
    privileged = np.arange(1000) < 400
    oracle = []
    for _ in range(400):
        found = ratio_metrics(y, (draw.random(1000) < 0.5).astype(int), privileged)
        oracle.append(np.mean([abs(1 - found[name]) for name in audit.RATIOS]))
    assert ours == pytest.approx(np.mean(oracle), rel=0.05)


def test_published_mean_of_globem_follows_from_its_ratios():
    """The coin averages what the release averages: the printed mean is that of the printed ratios."""
    rows = published.table("parity_deviation").query("dataset == 'GLOBEM' and model == 'ssl_frozen1_first'")
    ratios = rows[rows["metric"].isin(audit.RATIOS)]["parity_deviation"]
    assert len(ratios) == 18
    assert ratios.mean() == pytest.approx(rows.query("attribute == '(all 3)'")["parity_deviation"].item(), abs=1e-5)


def test_extremes_of_a_model_that_serves_everybody_alike():
    found, again = simulations.extremes_by_chance((400, 400), 0.3, 0.8, 2000)
    # Two segments: the mean absolute difference of two AUC, √(2/π) times its standard deviation.
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(2000, 400)) + np.sqrt(2) * 0.8416 * (np.arange(400) < 120)
    ranks = scores.argsort(axis=1).argsort(axis=1)[:, :120] + 1
    sd = ((ranks.sum(axis=1) - 120 * 121 / 2) / (120 * 280)).std()
    assert found.mean() == pytest.approx(2 / np.sqrt(np.pi) * sd, rel=0.06)
    assert (found >= 0).all()
    assert abs(again.mean()) < 3 * np.sqrt(2) * sd / np.sqrt(2000)
    many = simulations.extremes_by_chance((400,) * 6, 0.3, 0.8, 200)[0]
    assert many.mean() > found.mean()


def test_windows_of_one_person_make_intervals_of_windows_too_narrow():
    found = simulations.interval_widths((1, 60), 120, 60).set_index("each")
    assert found.loc[1, "people"] == pytest.approx(found.loc[1, "windows"])  # the same draws
    assert found.loc[60, "people"] > 2 * found.loc[60, "windows"]
    assert found.loc[60, "people"] == pytest.approx(found.loc[60, "true"], rel=0.5)


def test_false_stars_keep_their_level():
    mean, some = simulations.false_stars(draws=3000)
    assert mean == pytest.approx(21 * 0.05, rel=0.1)
    assert 0.05 < some < 1 - 0.95**21  # the tests share models, so they are not independent


def test_biased_cka_is_its_definition():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(20, 4)), draw.normal(size=(20, 3))
    centre = np.eye(20) - 1 / 20
    k, l = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre  # noqa: E741
    expected = np.trace(k @ l) / np.sqrt(np.trace(k @ k) * np.trace(l @ l))
    assert simulations.biased_cka(x, y) == pytest.approx(expected)
    assert simulations.biased_cka(x, x) == pytest.approx(1)


def test_cka_traps():
    sizes = simulations.cka_by_size((60, 600), (30, 6)).groupby("rows").mean()
    assert sizes.loc[60, "biased"] > sizes.loc[600, "biased"] + 0.05
    assert sizes["unbiased"].diff().abs().max() < 0.04
    people = simulations.cka_by_windows((1, 8), 60, 10).groupby("each")["cka"].mean()
    assert abs(people[1]) < 0.03
    assert people[8] > 0.1
    repeats = simulations.cka_of_repeats(100, 10).mean()
    assert abs(repeats["each row once"]) < 0.02
    assert repeats["row bootstrap"] > repeats["each row twice"] > 0.15
    draw = np.random.default_rng(0)
    x = draw.normal(size=(30, 5))
    assert cka(np.tile(x, (2, 1)), np.tile(x, (2, 1))) == pytest.approx(1)


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
                study=SimpleNamespace(
                    similarity=lambda strategy, seed, table=similar: table,
                    similarity_released=lambda strategy, seed, table=similar: table.assign(windows=200, cka=0.4),
                ),
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
    assert shown["AUC − supervised"].iloc[0] == "–"
    assert shown["AUC − supervised"].iloc[1].startswith("−0.100 [")


def test_spread_over_seeds_and_sizes(cases):
    spread = runs.seed_spread(cases)
    assert spread["seeds"].tolist() == [2, 2]
    assert spread["auc_min"].tolist() == pytest.approx([-0.1, 0])
    sizes = runs.similarity_sizes(cases)
    assert set(sizes["attribute"]) == {"age"}  # a care segment is none
    assert sizes["matched"].tolist() == pytest.approx([0.31, 0.31])


def test_tables_of_several_cases_are_those_of_each_one(cases):
    """Nothing pools cases, so nothing pools twins with real data."""
    for of in (runs.recipes, runs.seed_spread, runs.similarity_sizes):
        parts = pd.concat([of([case]) for case in cases], ignore_index=True)
        pd.testing.assert_frame_equal(of(cases).reset_index(drop=True), parts)


def test_the_release_s_way_beside_ours(cases):
    found = runs.released_similarity(cases)
    assert found["segment"].tolist() == ["<65", "<65"]
    assert found[["windows", "people", "released", "ours"]].iloc[0].tolist() == pytest.approx([200, 80, 0.4, 0.3])
    shown = tables.released_similarity(found).iloc[0]
    assert (shown["CKA, first training windows"], shown["change"]) == ("0.400", "−0.100")
    cases[0].study.similarity_released = lambda *_: None
    assert runs.released_similarity(cases[:1]).empty


def test_no_runs_no_table():
    assert runs.recipes([]).empty
    assert runs.seed_spread([]).empty
    assert runs.similarity_sizes([]).empty


def test_every_finding_has_its_sentence_with_numbers(cases):
    small = simulations.Simulated(
        simulations.view_agreement(40),
        simulations.dropout_agreement(20),
        simulations.globem_coin(100),
        simulations.published_extremes(20),
        simulations.interval_widths((1, 10), 60, 20),
        simulations.false_stars(draws=200),
        simulations.cka_by_size((30, 60), (3, 3)),
        simulations.cka_by_windows((1, 2), 20, 3),
        simulations.cka_of_repeats(20, 3),
    )
    for spread in (runs.seed_spread(cases), pd.DataFrame()):
        found = sentences.sentences(small, spread)
        assert list(found) == IDS
        for name, text in found.items():
            assert "nan" not in text.replace("finance", ""), name
            assert re.search(r"\d", text) or name in ("D7", "D17", "D18", "D45"), name
            assert text.endswith((".", "AUC", "AUC.")), (name, text)
    assert small.dropout["inference"] == pytest.approx(1)
    assert small.dropout["training"] < 0.999
    assert not set(sentences.SIMULATED) & set(sentences.OWN_RUNS)
    assert {name for name, text in found.items() if "imulated" in text} <= {*sentences.SIMULATED}
    for part in findings.SECTIONS:
        assert tables.basis(part).endswith("from what the release prints, or from its code.")
        assert set(tables.section(part, found)["id"]) <= set(IDS)
    assert tables.overview().iloc[-1].tolist() == ["all", "43", "2", "1", "46"]
    assert "Keras divides by the windows" in tables.loss_note()


def test_the_kept_table_of_recipes_on_twins_is_whole():
    """Every twin with every recipe; and the command that makes it gives the same columns."""
    table, where = runs.on_twins(ReleaseAudit())
    assert where.origin == "twin"
    assert set(table["origin"]) == {"twin"}
    assert set(table["recipe"]) == set(RECIPES)
    assert table["dataset"].nunique() == len(TWINS)
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
