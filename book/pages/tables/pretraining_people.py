"""The named pair by who is in the pre-training: from the frozen scores that are there; what is missing is said."""

from pathlib import Path

import pandas as pd

from fairlib import cards
from fairlib.measures import estimands
from fairlib.measures import planted as measures
from fairlib.measures.evidence import Evidence
from fairlib.measures.operating import PRIMARY
from fairlib.report.columns import Column, ranged, typed
from fairlib.strategies import PRIMARY as NAMED
from fairlib.strategies import STRATEGY_NAMES, SUPERVISED
from fairlib.study import frozen
from fairlib.study.collect import out_of_fold
from fairlib.study.frozen import Frozen
from fairlib.study.pretraining_people import EVERYONE, PRIVILEGED, words
from fairlib.study.results import MANIFEST
from fairlib.text import LEVEL_WORDS, readable, signed
from fairlib.twins import planted

from .planted import PAIR, RECIPE

#: Who is to be in the pre-training, by folder of frozen results.
PLANNED = {
    "challenge2019": (EVERYONE, PRIVILEGED, "unit=Medical", "unit=Surgical", "gender!=Female"),
    "twins/challenge2012-turned": (EVERYONE, PRIVILEGED, "icu_type=Medical", "age!=>=65"),
}
PEOPLE = Column("people in the pre-training")
NOTE = (
    "All rows are of the same runs and the same supervised models. D and error rates are at 20 % alerts; D is the"
    f" {estimands.D} over protected attributes. Intervals of fewer than ten runs are over people alone."
)
TRUTH_NOTE = (
    "Each segment is compared with the privileged segment of its attribute. Truth: of a reference score that reads what"
    " the signals of the twin show. The log error rate ratio is at 20 % alerts."
)


def gather(kept: Path, draws: int, cohorts: int) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """What the named pair shows, what its models show of planted disparities, and what is not computed, in sentences.

    kept: folder of frozen results; draws: of people; cohorts: as of ``measures.planted.expected``. Columns of both
    frames: ``title`` (the dataset), ``origin``, ``who`` is in the pre-training; of the first ``quantity`` and those of
    ``estimands.differences``, of the second those of ``measures.planted.expected`` and ``found``.
    """
    pairs, found, lacks = [], [], []
    for place, planned in PLANNED.items():
        folder, (dataset, _, dial) = kept / place, Path(place).name.partition("-")
        if dataset not in cards.all():
            continue
        card = cards.load(dataset)
        facts = {"title": f"{card.called}{f' twin, dial {dial}' * bool(dial)}", "origin": "twin" if dial else "real"}
        made = frozen.manifest(folder)["recipes"] if (folder / MANIFEST).exists() else {}
        kept_of = [who for who in planned if frozen.entry(RECIPE, frozen.USUAL, who) in made]
        there = {who: Frozen(folder, RECIPE, pretrain_on=who) for who in kept_of}
        there = {who: study for who, study in there.items() if all(map(study.seeds, PAIR))}
        runs = [{*study.seeds(model)} for study in there.values() for model in PAIR]
        seeds = tuple(sorted(set.intersection(*runs))) if runs else ()
        there = there if seeds else {}  # the pair of the same runs, or nothing
        lacks += [f"{facts['title']}, pre-training on {told(w)}: not computed yet." for w in planned if w not in there]
        for who, study in there.items():
            scores = out_of_fold(study, card, PAIR, seeds)
            pairs.append(_quantities(Evidence(scores, draws)).assign(**facts, who=told(who), usual=who == EVERYONE))
            if dial:
                rows = measures.found(scores, planted.disparities(dataset), PAIR, draws)
                found.append(rows.assign(**facts, dataset=dataset, who=told(who)))
    empty = pd.DataFrame(columns=["title", "origin"])
    pairs, found = (pd.concat(rows, ignore_index=True) if rows else empty for rows in (pairs, found))
    if len(found):
        true = [measures.expected(name, cohorts=cohorts).assign(dataset=name) for name in found["dataset"].unique()]
        found = found.merge(pd.concat(true), on=["dataset", *measures.AT, "measure"], suffixes=("", "_expected"))
    return pairs, found, lacks


def told(who: str) -> str:
    """Who is in the pre-training, with the signs of print."""
    return readable(words(who))


def _quantities(evidence: Evidence) -> pd.DataFrame:
    """Of SSL minus supervised: AUC, D and the error rate of each named group, at 20 % alerts."""
    rows = estimands.differences(evidence, NAMED, SUPERVISED, (PRIMARY,))
    groups = rows["estimand"] == estimands.GROUP_ERROR
    whole = rows["estimand"].isin([estimands.AUC, estimands.D]) & ~rows["group"].isin(evidence.attributes)
    quantity = rows["estimand"].replace(estimands.D, "D").where(~groups, "error rate, " + rows["group"].map(readable))
    rows = rows.assign(quantity=quantity)
    return pd.concat([rows[whole], rows[groups]])


def differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Levels of the pair and their difference, by quantity and who is in the pre-training; rows: of ``gather``."""
    return typed(
        rows,
        ["quantity", "who"],
        who=PEOPLE,
        level_other=Column(STRATEGY_NAMES[SUPERVISED], "number"),
        level_one=Column(STRATEGY_NAMES[NAMED], "number"),
        estimate=Column(f"SSL − supervised ({LEVEL_WORDS} CI)", "signed", 3, "low", "high"),
    )


def against_truth(found: pd.DataFrame) -> pd.DataFrame:
    """What was planted, its truth, and what each model shows of it; the supervised one once. found: of ``gather``."""
    rows = found.assign(who=found["who"].where(found["model"] == NAMED, "none (supervised)"))
    rows = rows.drop_duplicates([*measures.AT, "measure", "who"]).sort_values([*measures.AT, "measure"], kind="stable")
    rows = rows.assign(found=rows["estimate"], found_low=rows["low"], found_high=rows["high"])
    return typed(
        rows,
        [*measures.AT, "planted", "measure", "who"],
        who=PEOPLE,
        truth=Column("truth", "signed", 2),
        found=ranged("found", f"found ({LEVEL_WORDS} CI)", "signed", 2),
    )


def finding(rows: pd.DataFrame) -> str:
    """The differences of one dataset in AUC and in D: with everyone in the pre-training, and with some."""
    parts = []
    for quantity in (estimands.AUC, "D"):
        own = rows[rows["quantity"] == quantity]
        usual, rest = (", ".join(own.loc[own["usual"] == which, "estimate"].map(signed)) for which in (True, False))
        parts.append(
            f"in {quantity} {usual or 'not computed yet'} with everyone, {rest or 'not computed yet'} with some"
        )
    return f"{rows['title'].iloc[0]}, SSL − supervised by who is in the pre-training: {'; '.join(parts)}."
