"""A cohort in the layout of YAIB (Yet Another ICU Benchmark, van de Water et al., ICLR 2024) → ``Cohort``.

YAIB writes MIMIC-III, MIMIC-IV, eICU, HiRID, AUMCdb and SICdb in one layout, three parquet files in a folder:

* ``dyn``: stay_id, time (duration since admission to intensive care, whole hours), then one column a variable; one row
  an hour, empty where nothing was measured. Any number of variables.
* ``outc``: stay_id and label, one row a stay; or stay_id, time and label, one row an hour.
* ``sta``: stay_id and what does not change, such as age, sex, height, weight.

Further tables say what ``sta`` lacks, such as the person and ethnicity (``.parquet``, ``.csv`` or ``.csv.gz``).
``yaib_layout`` says which (``Layout``) and how ``outc`` becomes a label a stay (``Label``). A folder of one's own has
``card.yaml`` and ``yaib.yaml`` beside the tables; ``python -m fairlib new`` writes both into a cohort's folder. The
window is as many hours as the card's ``timesteps``, from admission on; its channels: the variables, then their masks.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from .. import cards
from ..cohort import Cohort, CohortError
from ..scaling import standardise
from . import counts as rows_of
from . import files as files_of
from . import yaib_files as tables
from .recognise import OWN
from .splits import by_person
from .units import Outside
from .yaib_layout import LABEL, LAYOUT, STAY, TIME, Layout, Left, hours, numbers, of_stays, parse, refuse_other_steps

#: Measured values are clipped to these quantiles of the training values.
CLIP = (0.005, 0.995)
ATTRITION = "attrition.csv"
OUT = "left out"


def read(path: Path | str, card: cards.Card | None = None, layout: Layout | None = None) -> Cohort:
    """Read a cohort; a TWIN.json there makes it a twin.

    card, layout: of an official dataset; by default the folder brings both.

    Returns windows (n, W, 2 V): V variables at 1-hour steps (the last value carried forward, before the first
    measurement the training median; clipped and standardised with training statistics), then their V observation masks
    (1 = measured in this hour). One window a stay; stays of one person share a participant. Raises ``CohortError``
    naming file, row, column and value for anything the layout does not allow.
    """
    path, own = Path(path), layout is None
    if not path.is_dir():
        raise CohortError(f"{path} is not a folder; give the folder of the cohort")
    card, layout = card or cards.own(path), layout or parse(path / LAYOUT)
    folder, window = path / layout.cohort, card.windows.timesteps
    files = tables.find(folder, OWN if own else card.name)
    names = tables.variables(files["dyn"], card, own)
    dyn = tables.table(files["dyn"], [STAY, TIME])
    hour = hours(files["dyn"], dyn)
    files_of.refuse_repeated(files["dyn"], dyn[[STAY, TIME]])
    refuse_other_steps(files["dyn"], dyn[STAY], hour)
    y, left, said = _labels(files["outc"], layout, dyn[STAY], hour, window)
    columns = {name: layout.columns.get(name, name) for name in card.attributes}
    known, places = tables.facts(path, files["sta"], layout, [layout.person, *columns.values()], y.index)
    person = known[layout.person].set_axis(y.index)
    said += "; each stay counts as a person" * (layout.person == STAY)
    left.append(("stays without a person", person.isna(), f"{OUT}: no {layout.person}, so nobody knows whose"))
    unlabelled = dyn.loc[~dyn[STAY].isin(y.index), STAY].nunique()
    steps = [*_before(folder / ATTRITION), ("stays read", len(y), person.nunique(), said)]
    steps.append(("stays of dyn without a row in outc", unlabelled, 0, f"{OUT}: no label"))
    kept = pd.Series(True, index=y.index)
    for step, which, note in left:
        steps.append((step, int((which & kept).sum()), person[which & kept].nunique(), note))
        kept &= ~which if note.startswith(OUT) else True
    if not kept.any():
        why = ", ".join(f"{step}: {n}" for step, n, _, note in steps if note.startswith(OUT) and n)
        raise CohortError(f"{folder}: no stay is left ({why}); look at the label rule in {LAYOUT}")
    kept = kept.to_numpy()
    stays, person, y = y.index[kept], person[kept].to_numpy(str), y[kept].to_numpy(np.int8)
    values = tables.grid(files["dyn"], names, stays, dyn[STAY], hour, window)
    lost = values.shape[0] * window - int((dyn[STAY].isin(stays) & (hour < window)).sum())
    steps.append(("hours of windows without a row in dyn", 0, 0, f"{lost:,} hours: taken as not measured"))
    empty = np.isnan(values).all(axis=(1, 2))
    note = "kept: every value imputed, every mask 0"
    steps.append(("stays without any measurement", int(empty.sum()), len(set(person[empty])), note))
    places = {column: (file, rows[kept]) for column, (file, rows) in places.items()}
    attributes = _attributes(card, columns, known[kept].reset_index(drop=True), places)
    steps += _two_segments(card, attributes, person) + rows_of.of_attributes(attributes, person, card)
    outside = Outside(names)
    outside.look(values)
    steps.append(outside.step(person, path, "kept, clipped to the quantiles of the training stays"))
    split, measured, masks = by_person(person, y), values.copy(), (~np.isnan(values)).astype(np.float32)
    people, expected = len(set(person)), card.expected
    found = {"stays": (len(y), expected.get("total")), "positive": (int(y.sum()), expected.get("total positive"))}
    note = f"{rows_of.beside_card(**found, people=(people, card.people))}; split by a hash of {layout.person};"
    note += f" {100 * float(np.isnan(measured).mean()):.1f} % of the values missing and imputed; clipped, imputed and"
    note += f" scaled with statistics of the training stays{standardise(values, split == 'train', names, CLIP)}"
    steps.append(("cohort", len(y), people, note))
    x, channels = np.concatenate([values, masks], axis=2), (*names, *(f"mask {name}" for name in names))
    return rows_of.cohort(card, [path], steps, x, y, person, attributes, split, channels, measured=measured, clip=CLIP)


def _labels(file: Path, layout: Layout, stay: pd.Series, hour: np.ndarray, window: int) -> tuple[pd.Series, Left, str]:
    """Stay → label, which stays are left out for which reason or only counted, and what else to say of ``outc``.

    stay, hour: of each row of dyn.
    """
    timed, rule = TIME in tables.columns(file), layout.label.rule
    if timed == (rule == "stay"):
        raise CohortError(
            f"{file} has {'a' if timed else 'no'} column {TIME!r}, and the label rule is {rule!r}; correct the rule in"
            f" {LAYOUT}, or the table"
        )
    outc = tables.table(file, [STAY, LABEL, *[TIME] * timed])
    y, left = of_stays(file, outc, layout.label, window)
    last = pd.Series(hour).groupby(stay.to_numpy()).max().reindex(y.index)
    left.insert(0, ("stays of outc without a row in dyn", last.isna(), f"{OUT}: no measurements"))
    if not timed:
        return (
            y,
            [*left, (f"stays that end before hour {window}", last < window - 1, f"{OUT}: no whole window")],
            "outc",
        )
    after = pd.Series(hours(file, outc)).groupby(outc[STAY].to_numpy()).max().reindex(y.index) > last
    left.append(("stays with labels after the last hour of dyn", after, "kept: the label counts"))
    if rule != "onset":
        return y, left, "outc"
    true = numbers(file, outc, layout.label) == 1
    said = f"{outc.loc[true, STAY].nunique():,} stays with a true hour, {int(true.sum()):,} of {len(outc):,} hours"
    return y, left, f"outc: {said}"


def _before(file: Path) -> list[rows_of.Step]:
    """What YAIB left out before it wrote the files, where it says so."""
    if not file.exists():
        return []
    columns = "excl_n", "incl_n"
    rows = files_of.table(file, columns, f"{tables.AGAIN}, or remove it", "YAIB's attrition", str)
    for name in columns:
        odd = ~rows[name].str.isdecimal()
        files_of.refuse(file, odd, name, rows[name], "a whole number", f"{tables.AGAIN}, or remove it")
    said = enumerate(rows.astype(int).itertuples(index=False), start=1)
    return [(f"left out by YAIB, step {i}", row.excl_n, 0, f"{row.incl_n:,} stays left") for i, row in said]


def _attributes(card: cards.Card, columns: dict[str, str], known: pd.DataFrame, places: tables.Places) -> pd.DataFrame:
    """Segments of each stay, from raw columns; ages that nobody has are refused."""
    raw = pd.DataFrame({name: known[column] for name, column in columns.items()})

    def where(name: str, row: int) -> str:
        file, rows = places[columns[name]]
        return f"{file}, {rows.name} {rows[row]}, column {columns[name]}"

    attributes = rows_of.segments(card, raw, where)
    for name in card.attributes:
        file, rows = places.get(columns[name], (None, None))
        if file:
            files_of.refuse_years(file, card, name, raw[name].set_axis(rows))
    return attributes


def _two_segments(card: cards.Card, attributes: pd.DataFrame, person: Sequence[str]) -> list[rows_of.Step]:
    """People whose stays differ in what does not change; an age does."""
    steps = []
    for name in card.protected():
        if card.attributes[name].cut is None:
            both = attributes[name].astype(object).groupby(person).transform("nunique") > 1
            note = "kept, each stay as it is recorded; correct the table of people where that is wrong"
            steps.append((f"{name}: stays of people with two", int(both.sum()), len(set(person[both])), note))
    return steps
