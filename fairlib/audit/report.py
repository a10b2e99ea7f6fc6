"""An audit as files: one page without a network, ``report.json``, and the CSV behind each table."""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from .. import __version__
from ..cards import Card
from ..cohort import CohortError
from ..fairness import METRICS, title
from ..measures.estimands import GROUP_ERROR, OVERALL
from ..measures.estimands import RATES as SHARES
from ..measures.margins import Margins
from ..report import comparisons as two
from ..report import plain, show
from ..report.columns import Column, beside, ranged, typed
from ..report.data import shielded
from ..report.provenance import Provenance
from ..study.results import code_hash
from ..text import LEVEL_WORDS, with_interval
from . import figures, numbers, predictions
from .numbers import CHANCE, ESTIMATE, FAMILY, Audited

HERE = Path(__file__).parent
PAGE, JSON = "report.html", "report.json"
OWN = re.compile(r"(comparison|verdicts)_\d+|calibration|net_benefit|case_mix")  # tables that not every audit has
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # a browser fetches nothing
AREAS = {"auc": "AUC", "error_rate": "error rate", "false_negative_rate": "false negative rate"}
AREAS |= {"false_positive_rate": "false positive rate", "selection_rate": "share flagged"}
AREAS |= {"predicted_minus_observed": "mean score − observed rate"}
GROUP, PAIR = ["attribute", "group"], ["attribute", "group", "reference"]


def audit(
    file: Path,
    folder: Path,
    people: Path | None = None,
    card: Card | None = None,
    reference: Mapping[str, str] | None = None,
    draws: int = numbers.DRAWS,
) -> str:
    """Write the report on a table of predictions into a folder; returns its sentences.

    Arguments as for ``predictions.read``; draws: of people. Everything is computed before anything is written. Raises
    ``CohortError`` where the folder holds other files.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not (folder / JSON).is_file():
        raise CohortError(f"{folder} is there and holds no audit; name a new folder with -o")
    with _aside(folder) as place:  # before anything is computed: where nothing can be written, nobody waits
        return _audited(file, folder, place, people, card, reference, draws)


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder for files that are not all there yet; gone afterwards. Raises ``CohortError`` where none can be made."""
    near = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    try:
        with tempfile.TemporaryDirectory(prefix=".audit-", dir=near) as place:
            yield Path(place)
    except OSError as error:
        said = error.strerror or error
        raise CohortError(f"{folder} cannot be written ({said}); name another folder with -o, or free space") from error


def _audited(file: Path, folder: Path, place: Path, people, card, reference, draws: int) -> str:
    by = predictions.read(file, people, card, reference)
    e = numbers.audited(by, draws)
    asked = "".join(f" {flag} {path.name}" for flag, path in (("--people", people),) if path)
    made = Provenance(
        "twin" if by.card.access == "synthetic" else "audited",
        f"{file.name}, {len(by.of.y):,} rows of {by.of.person.max() + 1:,} people",
        (f"fairlib {__version__}", f"{e.count:,} draws of people"),
        f"python -m fairlib audit {file.name}{asked}",
        hashlib.sha256(file.read_bytes()).hexdigest(),
        code_hash("fairlib.audit", "fairlib.measures")[:8],
        by.card.access,
        min_cell=0 if by.card.access == "synthetic" else by.card.min_cell,
    )
    content, told = _written(e, made)
    for name, text in content.items():
        (place / name).write_text(text, encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    for name in content:
        (place / name).replace(folder / name)
    for old in folder.glob("*.csv"):  # of an audit of other models
        if old.name not in content and OWN.fullmatch(old.stem):
            old.unlink()
    return "\n".join(told)


def _written(e: Audited, made: Provenance) -> tuple[dict[str, str], list[str]]:
    """File name → its text, and the sentences on top."""
    found, pairs = numbers.estimates(e), list(numbers.comparisons(e))
    more = {"net_benefit": numbers.net_benefit(e), "case_mix": numbers.case_mix(e)}
    curves = {model: numbers.reliability(e, model) for model in e.of.risk}
    tables = {"sizes": numbers.sizes(e), "estimates": found, **more}
    tables |= {f"comparison_{at}": table for at, (_, _, _, table, _) in enumerate(pairs, start=1)}
    tables |= {f"verdicts_{at}": held for at, (*_, held) in enumerate(pairs, start=1)}
    if curves:
        tables["calibration"] = pd.concat([of.assign(model=name) for name, of in curves.items()])
    told = [*_leads(e, found), *(line for pair in pairs for line in _told(e, *pair))]
    body = "".join(_body(e, found, pairs, tables, made))
    content = {f"{name}.csv": _safe(table).to_csv(index=False) for name, table in tables.items() if len(table)}
    content[JSON] = json.dumps(
        _json(e, found, tables, pairs, told, made), indent=1, allow_nan=False, ensure_ascii=False
    )
    content[PAGE] = _page(f"Audit of {made.title}", made.banner() + _listed([*told, *_assumed(e)]) + body)
    return content, told


def _page(name: str, body: str) -> str:
    css = Path(show.__file__).with_name("page.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy"'
        f' content="{POLICY}"><meta name="viewport" content="width=device-width"><title>{escape(name)}</title>'
        f"<style>{css}</style></head><body><main><h1>{escape(name)}</h1>{body}</main></body></html>\n"
    )


def _listed(sentences: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in sentences)}</ul>"


def _safe(table: pd.DataFrame) -> pd.DataFrame:
    """No cell that a spreadsheet would take for a formula."""
    return table.map(shielded).rename(columns={"windows": "rows"})


def _json(e: Audited, found: pd.DataFrame, tables: dict, pairs: list, told: list[str], made: Provenance) -> dict:
    """``report.json``; its list ``estimates`` has one record per number, null where it is unknown or suppressed."""
    rows = pd.concat([found, *(tables[name] for name in ("net_benefit", "case_mix") if len(tables[name]))])
    rows = rows.reindex(columns=ESTIMATE).astype(object)
    records = rows.where(rows.notna(), None).to_dict("records")
    verdicts = [
        {"model": one, "compared_with": other, "operating_point": point.name, "verdict": row.verdict}
        for one, other, point, _, held in pairs
        for row in held[held["holds"]].itertuples()
    ]
    settings = {"access": e.by.card.access, "min_cell": e.by.card.min_cell, "draws": e.count, "level": LEVEL_WORDS}
    settings |= {"references": {name: of.privileged for name, of in e.by.card.attributes.items()}}
    head = {"fairlib": __version__, "data": made.data, "code": made.code, "settings": settings}
    return head | {"summary": told, "assumed": _assumed(e), "verdicts": verdicts, "estimates": records}


def _assumed(e: Audited) -> list[str]:
    """References and what was assumed, in sentences."""
    first = "; ".join(f"{name}: {of.privileged}" for name, of in e.by.card.attributes.items())
    family = int(sum(name in e.attributes for name in e.by.contrasts)) * len(e.of.score)
    tests = (
        f"Declared family: the {family} error rate ratios of single attributes at the first operating point have"
        " p-values, adjusted together (Holm). The secondary comparisons of two models are a family of their own. All"
        " other numbers are exploratory and have none."
    )
    return [f"Reference groups: {first}.", *e.by.notes, tests]


def _leads(e: Audited, found: pd.DataFrame) -> Iterator[str]:
    """The result of each model in a sentence: the ratio that is largest, and how many intervals exclude 1."""
    for model in e.of.score:
        point = e.point_name(model, e.points(model)[0])
        rows = found[(found["model"] == model) & (found["metric"] == FAMILY) & (found["operating_point"] == point)]
        rows = rows[rows["attribute"].isin(e.by.card.attributes) & rows["value"].notna()]
        if model in e.at_chance:
            yield f"{model}: {CHANCE} (the interval of its AUC includes 0.5), so its disparities say nothing."
        elif len(rows):
            row = rows.loc[np.log(rows["value"]).abs().idxmax()]
            apart = int(((rows["low"] > 1) | (rows["high"] < 1)).sum())
            yield (
                f"{model}, {point}: the error rate ratio that is furthest from 1 is that of {row.attribute} {row.group}"
                f" over {row.reference}, {with_interval(row.value, row.low, row.high, 2)}; a coin has {row.coin:.2f}."
                f" The interval excludes 1 for {apart} of {len(rows)} ratios. Four of five such audits would find a"
                f" ratio of {rows['detectable'].max():.2f} or more for every group."
            )


def _told(e: Audited, one: str, other: str, point, found: pd.DataFrame, held: pd.DataFrame) -> list[str]:
    if not held["holds"].any() or not e.attributes:
        return []
    names = (f"the model “{name}”" for name in (one, other))
    sentences = two.sentences(found, held, *names, Margins(), point)
    return [plain.paragraph(sentences, f"{one} against {other}, {e.point_name(one, point)}")]


def _tables(table: pd.DataFrame, name: str, made: Provenance, note: str = "") -> Iterator[str]:
    """A typed table, in parts where it is longer than a page may show."""
    for start in range(0, len(table), show.MAX_ROWS):
        part = table.iloc[start : start + show.MAX_ROWS]
        part.attrs = table.attrs
        yield show.table_html(part, name if start == 0 else f"{name} (continued)", made, note)


def _body(e: Audited, found: pd.DataFrame, pairs: list, tables: dict, made: Provenance) -> Iterator[str]:
    ratio = f"error rate ratio ({LEVEL_WORDS} CI)"
    yield "<h2>Who is in the table</h2>"
    counts = {"people": Column(form="count"), "windows": Column("rows", "count"), "events": Column(form="count")}
    yield from _tables(
        typed(tables["sizes"], GROUP, **counts, note=Column()), "Groups and intersections of groups", made
    )
    yield "<h2>Performance and disparity</h2>"
    for points in dict.fromkeys(e.points(model)[0] for model in e.of.score):
        models = [name for name in e.of.score if e.points(name)[0] == points]
        rows = found[found["model"].isin(models) & (found["metric"] == FAMILY) & found["coin"].notna()]
        rows = rows[rows["operating_point"] == e.point_name(models[0], points)]
        if len(rows):
            yield show.figure_html(figures.ratios(rows), f"Error rate ratios, {rows['operating_point'].iloc[0]}", made)
    for model in e.of.score:
        own, points = found[found["model"] == model], [e.point_name(model, point) for point in e.points(model)]
        first = own[own["operating_point"].isin(["", points[0]])].rename(columns={"value": "mean", "n": "windows"})
        rows = beside(first[first["reference"] == ""], GROUP, "metric", AREAS)
        shown = {
            name: ranged(name, f"{words} ({LEVEL_WORDS} CI)")
            for name, words in AREAS.items()
            if rows[name].notna().any()
        }
        rows = typed(rows, GROUP, windows=Column("rows", "count"), **shown, note=Column())
        yield from _tables(rows, f"{model}: performance, {points[0]}", made)
        rows = first[first["metric"] == FAMILY].rename(columns={"mean": "value"})
        columns = {"value": Column(ratio, "number", 2, "low", "high"), "coin": ranged("coin", "coin (range)", digits=2)}
        columns |= {"calibrated": Column("calibrated score", "number", 2), "p_holm": Column("p (Holm)", "p")}
        columns = {"detectable": Column("smallest detectable ratio", "number", 2)} | columns | {"note": Column()}
        yield from _tables(typed(rows, PAIR, **columns), f"{model}: disparity in errors, {points[0]}", made)
        rows = beside(first[first["reference"] != ""], PAIR, "metric", METRICS)
        columns = {name: ranged(name, title(name), digits=2) for name in METRICS}
        yield from _tables(typed(rows, PAIR, **columns), f"{model}: all metrics, {points[0]}", made)
        if len(points) > 1:
            rows = own[own["metric"] == FAMILY].rename(columns={"value": "mean"})
            rows = beside(rows, PAIR, "operating_point", points)
            columns = {point: ranged(point, point, digits=2) for point in points}
            yield from _tables(typed(rows, PAIR, **columns), f"{model}: error rate ratios by operating point", made)
    if pairs:
        yield "<h2>One model against another</h2>"
    for one, other, point, table, held in pairs:
        if held["holds"].any():
            yield show.table_html(two.verdicts(table, held, other, point), f"{one} against {other}: verdicts", made)
        rows = table[table["group"].isin(["everyone", OVERALL]) & ~table["estimand"].isin([of.name for of in SHARES])]
        yield from _tables(two.differences(rows, one, other), f"{one} against {other}: accuracy and disparity", made)
        rows = table[(table["estimand"] == GROUP_ERROR) & (table["point"] == point.name)].drop(columns="p_holm")
        yield from _tables(two.differences(rows, one, other), f"{one} against {other}: levelling down", made)
    if len(rows := tables["case_mix"]):
        shown = typed(rows, ["model", *PAIR], value=Column(ratio, "number", 2, "low", "high"))
        yield from _tables(shown, "Error rate ratios at equal case mix, 20 % alerts", made)
    if "calibration" in tables:
        yield "<h2>Calibration and net benefit</h2>"
        words = ("Observed rate by predicted risk", "predicted risk", "observed rate")
        drawn = figures.curves(tables["calibration"], "model", "segment", "predicted", "observed", words)
        yield show.figure_html(drawn, "Calibration of the scores as given", made)
    if len(rows := tables["net_benefit"]):
        words = ("Net benefit by group", "risk threshold", "net benefit")
        rows = rows.assign(risk=rows["operating_point"].str.removeprefix("risk ").astype(float))
        drawn = figures.curves(rows, "group", "model", "risk", "value", words)
        yield show.figure_html(drawn, "Net benefit over the thresholds of the card", made)
    yield "<h2>How to read this</h2>" + _listed(yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf-8")))
