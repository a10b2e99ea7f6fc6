"""What leaves an enclave: tables rounded so that no rate gives its counts away, figures drawn from them, a
manifest, and a release request for the person who checks it."""

import io
import os
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from .. import __version__, cards
from ..cards import Card
from ..measures import summary as summaries
from ..measures.estimands import OVERALL
from ..measures.evidence import EVERYONE
from ..measures.operating import PRIMARY, PUBLISHED, SECONDARY
from ..report import gate
from ..report.show import DPI
from ..strategies import SUPERVISED
from ..study.collect import collect
from ..study.parameters import Evaluation
from ..study.results import writing
from ..study.sources import open_study
from . import contrasts, equal_rates, figures
from .bundle import (
    BY,
    COUNTS,
    FIGURES,
    FORMAT,
    MANIFEST,
    NUMBERS,
    REQUEST,
    TABLES,
    Bundle,
    BundleError,
    Manifest,
    card_hash,
    cells,
    digest,
    said,
    written,
)
from .request import request
from .unordered import Unordered, unordered

#: A value moves in steps that are no smaller than what one person changes in a rate.
STEPS = np.array([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1])
RATIO = 10  # a ratio rests on the errors of a group, which are fewer than its people
HIDDEN = "withheld: fewer than {} people or events"
_DATE = (1980, 1, 1, 0, 0, 0)  # the same bundle has the same bytes


def export(p: Evaluation, by: str, nearest: int, folder: Path) -> tuple[Bundle, str]:
    """Write the bundle of a study that was run, as a folder and as a ZIP file of the same files.

    by: who contributes it; nearest: counts are rounded to multiples of it. Nothing is trained. Returns the bundle and
    its release request. Raises ``BundleError`` where there is nothing to export, or where it must not leave.
    """
    if not re.fullmatch(BY, by):
        raise BundleError(f"--by {by!r}: use letters, digits, spaces and . , ' & ( ) -, 2 to 60 of them")
    packed = folder.with_name(f"{folder.name}.zip")
    for path in (folder, packed):
        if path.exists():
            raise BundleError(f"{path} is there already; remove it, or name another folder with -o")
    if p.source == "frozen":
        raise BundleError("frozen results are in the book already; give the folder of the official files as --source")
    if p.dataset not in cards.all():
        raise BundleError(f"{p.dataset} has no card in this clone, so no other clone could read it; add its card first")
    study = open_study(p)
    names = [name for name in p.wanted if all(study.trained(name, seed) for seed in study.seeds())]
    if SUPERVISED not in names:
        raise BundleError(
            f"no supervised model of {p.dataset} with recipe {p.recipe}, profile {p.profile} and these seeds is in"
            f" {p.results_dir}; run notebooks/3_fine_tuning.ipynb, or make book DATASET={p.dataset} SOURCE=DIR"
        )
    made, card = study.manifest, p.card
    tables = rounded(computed(unordered(study, card), card, tuple(names)), card, made["access"], nearest)
    known = [] if made["origin"] == "twin" else np.unique(study.cohort.person)
    bundle, content = packed_up(tables, card, p, made, study.seeds(), by, nearest, len(known))
    texts = [content[REQUEST], content[MANIFEST]]
    texts += ["\n".join(table.select_dtypes(object).stack().astype(str)).encode() for table in tables.values()]
    for text in texts:
        if found := gate.identified(text.decode(), known):
            raise BundleError(f"the bundle holds {found[0]}; name the contributor otherwise, and write nothing of them")
    with writing(folder.parent):
        _write(folder, packed, content)
    return bundle, content[REQUEST].decode()


def computed(study: Unordered, card: Card, names: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """The tables of the bundle as the pages compute them, before they are rounded; resampled values stay behind."""
    seeds = study.seeds()
    models, pairs = (collect(study, name, names, seeds) for name in ("metrics", "intersections"))
    own = [models, pairs] if len(pairs) else [models]
    found = {"sizes": study.table("sizes"), "segments": study.table("segments")}
    found["performance"] = summaries.summarise(pd.concat(own, ignore_index=True))
    scored = equal_rates.of_study(study, card, names, seeds)
    if scored is not None and scored.evidence.attributes:
        points = {"", *(point.name for point in (PRIMARY, *SECONDARY, PUBLISHED))}
        found["differences"] = scored.found[scored.found["point"].isin(points)]
    at_rates = scored is not None and scored.evidence.attributes and study.manifest.get("folds")
    usual = (models, card.protected(), card.metric.metric)
    found["compared"] = scored.headline if at_rates else summaries.headline(*usual)
    found["contrasts"] = contrasts.table(models, card, names)
    return found


# ---------------------------------------------------------------------------------------------------------- rounding


def rounded(tables: dict[str, pd.DataFrame], card: Card, access: str, nearest: int) -> dict[str, pd.DataFrame]:
    """The tables with small groups suppressed once more, numbers in steps, interval ends rounded outwards, and counts
    to the nearest multiple with totals of what is rounded; then the verdicts that follow from them."""
    out = {name: _shaped(name, table) for name, table in tables.items() if len(table)}
    if access != "synthetic":
        for name in ("sizes", "segments", "performance"):
            small = (cells(out[name]) < card.min_cell).any(axis=1)
            numbers = [column for column, kind in TABLES[name].columns.items() if kind in NUMBERS and column != "seeds"]
            out[name].loc[small, numbers] = np.nan
            if "note" in out[name]:
                out[name].loc[small, "note"] = HIDDEN.format(card.min_cell)
    performance = out["performance"]
    everyone = performance[performance["scope"] == "overall"]
    if everyone["people"].isna().all():
        raise BundleError(
            f"the tested people are fewer than {card.min_cell} with or without an event, so no number about them may"
            " leave; give more of the data, or cross-fit with --folds, which tests everyone"
        )
    fewest = fewest_of(performance, card)
    for name, table in out.items():
        steps, of_all = _steps(name, table, card, fewest), np.full(len(table), _step(1 / fewest[EVERYONE[1]]))
        for column, kind in TABLES[name].columns.items():
            if kind in ("value", "low", "high"):
                whole = name == "compared" and column.startswith(("auc", "people"))
                table[column] = _stepped(table[column], kind, of_all if whole else steps)
            elif kind == "count" and column in COUNTS:
                table[column] = nearest * np.floor(table[column] / nearest + 0.5)
    if nearest > 1:
        _totals(out)
    if "differences" in out:
        out["verdicts"] = _shaped("verdicts", said(out["differences"]))
    return out


def _shaped(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The columns of the bundle's table alone, with their types."""
    out = table.reindex(columns=[*TABLES[name].columns]).reset_index(drop=True)
    for column, kind in TABLES[name].columns.items():
        values = out[column]
        out[column] = values.astype(float) if kind in NUMBERS else values.astype(object).where(values.notna(), "")
    if {*COUNTS} <= {*out}:  # a withheld group has no size
        hidden = out.get("note", pd.Series("", index=out.index)).str.contains("withheld")
        out.loc[hidden | (out["people"] == 0), [*COUNTS]] = np.nan
    return out


def fewest_of(performance: pd.DataFrame, card: Card) -> dict[str, float]:
    """Group → the fewest of its people, events and windows without one, among all that are shown of it.

    An attribute has that of its smallest group, and ``OVERALL`` that of all protected attributes.
    """
    least = performance.assign(least=cells(performance).min(axis=1)).dropna(subset=["least"])
    found = {EVERYONE[1]: least.loc[least["scope"] == "overall", "least"].min()}
    found |= least[least["scope"] == "intersection"].groupby("segment")["least"].min().to_dict()
    own = least[least["scope"].isin(["segment", "ratio"])].groupby("attribute")["least"].min()
    return found | own.to_dict() | {OVERALL: own.reindex(card.protected()).min()}


def _steps(name: str, table: pd.DataFrame, card: Card, fewest: dict[str, float]) -> np.ndarray:
    """(rows,) the step of each row's numbers: at least one over the fewest people behind it."""
    if name == "performance":
        least = cells(table).min(axis=1).fillna(table["attribute"].map(fewest))
        ratio = table["scope"] == "ratio"
    elif name == "differences":
        least, ratio = table["group"].map(fewest), table["group"].isin([*card.attributes])
    else:
        least, ratio = pd.Series(fewest[OVERALL], index=table.index), pd.Series(False, index=table.index)
    return _step(np.where(ratio, RATIO, 1) / least.fillna(card.min_cell))


def _step(least: np.ndarray) -> np.ndarray:
    """The smallest step that is no smaller than this."""
    return STEPS[np.searchsorted(STEPS, least - 1e-12).clip(max=len(STEPS) - 1)]


def _stepped(values: pd.Series, kind: str, steps: np.ndarray) -> pd.Series:
    """Numbers in steps; the ends of intervals outwards, so that no verdict gains from rounding."""
    whole = {"value": np.round, "low": lambda x: np.floor(x + 1e-9), "high": lambda x: np.ceil(x - 1e-9)}[kind]
    return (whole(values / steps) * steps).where(np.isfinite(values))


def _totals(out: dict[str, pd.DataFrame]) -> None:
    """Totals are sums of rounded counts, where all parts are shown."""
    sizes, splits = out["sizes"], out["sizes"]["split"] != "all"
    if sizes.loc[splits, "people"].notna().all():
        sizes.loc[~splits, [*COUNTS]] = sizes.loc[splits, [*COUNTS]].sum().to_numpy()
    performance = out["performance"]
    keys = ["strategy", "attribute"]
    parts = performance[performance["scope"] == "segment"].drop_duplicates([*keys, "segment"])
    sums = parts.groupby(keys)[[*COUNTS]].agg(lambda part: part.sum(skipna=False))
    for row in performance.index[performance["scope"] == "ratio"]:
        key = tuple(performance.loc[row, keys])
        if key in sums.index and sums.loc[key].notna().all() and np.isfinite(performance.loc[row, "people"]):
            performance.loc[row, [*COUNTS]] = sums.loc[key].to_numpy()


# ----------------------------------------------------------------------------------------------------------- the files


def packed_up(
    tables: dict[str, pd.DataFrame], card: Card, p: Evaluation, made: dict, seeds, by: str, nearest: int, searched: int
) -> tuple[Bundle, dict[str, bytes]]:
    """The bundle of rounded tables, and the content of each file.

    made: manifest of the study; searched: identifiers of people that are looked for in it.
    """
    content = {f"{name}.csv": written(name, tables[name]).encode() for name in TABLES if name in tables}
    drawn = figures.areas(tables["compared"]), figures.disparities(tables["performance"], card)
    content |= {name: _png(of[0]) for name, of in zip(FIGURES, drawn, strict=True) if of}
    manifest = Manifest(
        format=FORMAT,
        fairlib=__version__,
        contributed_by=by,
        **{name: made[name] for name in ("origin", "access", "profile", "threshold", "draws", "data", "code")},
        **{name: getattr(p, name) for name in ("dataset", "recipe", "pretext", "pretrain_on")},
        seeds=list(seeds),
        folds=made.get("folds", 0),
        min_cell=card.min_cell,
        nearest=nearest,
        card=card_hash(card),
        files={name: digest(of) for name, of in content.items()},
    )
    content[MANIFEST] = manifest.text().encode()
    bundle = Bundle(manifest, tables, digest(content[MANIFEST]))
    content[REQUEST] = request(bundle, content, searched).encode()
    return bundle, content


def _png(figure) -> bytes:
    """A raster image without a word about the machine that drew it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()


def _write(folder: Path, packed: Path, content: dict[str, bytes]) -> None:
    """Both or nothing: written aside, then renamed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        (aside / "files").mkdir()
        with zipfile.ZipFile(aside / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, of in content.items():
                (aside / "files" / name).write_bytes(of)
                archive.writestr(zipfile.ZipInfo(name, _DATE), of, zipfile.ZIP_DEFLATED)
        os.replace(aside / "zip", packed)
        os.replace(aside / "files", folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
