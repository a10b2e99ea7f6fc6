"""CKA conditioned on segments of protected attributes: held-out, one window a participant, size-matched, with
half-sample intervals, and with the values that chance gives when segment labels are permuted.
"""

import numpy as np
import pandas as pd

from .. import disclosure
from ..cards import UNKNOWN
from ..cohort import Cohort
from ..permutations import label_sources
from ..seeds import generator
from ..similarity import Gram, cka_table, coarse, one_window_each
from . import group_sizes
from .describe import access
from .half_samples import half_sample_interval, lowest, subsample_table

#: Segments of fewer participants are not shown.
PEOPLE = 50
KEYS = ["attribute", "segment", "layer_supervised", "layer_other"]
#: Columns of lists: values on half-samples, and after permuting segment labels among participants.
DRAWS = ["halves", "permuted"]
#: What differences in CKA are made of (``cka_gaps``).
DRAWN = [*KEYS, "cka", "matched", *DRAWS]


def shown_segments(cohort: Cohort, rows: np.ndarray, minimum: int = PEOPLE) -> dict[tuple[str, str], np.ndarray]:
    """(attribute, segment) → positions in ``rows`` of its participants, for segments whose representation may be shown.

    rows: one window a participant. Left out are segments of fewer than ``minimum`` people, and those whose size would
    give a suppressed one away. Only people count here, since nothing is said about their outcomes.
    """
    card, frame = cohort.card, group_sizes.frame(cohort).iloc[rows].reset_index(drop=True)
    found = {}
    for attribute, facts in card.attributes.items():
        parts = dict(group_sizes.parts(frame, attribute, facts.segments))
        sizes = [*map(len, parts.values())]
        table = pd.DataFrame({"segment": [*parts], "people": sizes, "yes": sizes, "no": sizes})
        table = disclosure.suppress(table, access(cohort), card.min_cell, "people", "yes", "no")
        for segment in table.loc[(table["people"] >= minimum) & (table["segment"] != UNKNOWN), "segment"]:
            found[attribute, segment] = parts[segment].index.to_numpy()
    return found


def need_float64(cohort: Cohort, grams: list[Gram], rows: np.ndarray) -> bool:
    """Whether a shown segment lies so far from the others that Gram matrices in float32 are too coarse for it."""
    shown = shown_segments(cohort, rows).values()
    return any(coarse(k[chosen][:, chosen]) for chosen in shown for k in grams)


def similarity_table(
    cohort: Cohort,
    supervised: list[Gram],
    other: list[Gram],
    rows: np.ndarray,
    draws: int = 200,
    minimum: int = PEOPLE,
    permutations: int = 0,
) -> pd.DataFrame:
    """Stage 4: CKA of each layer of the supervised model with each layer of another, for everybody and per segment.

    Parameters
    ----------
    supervised, other: Gram matrices of the layers on the same rows; of float64 where they ``need_float64``.
    rows: cohort row of each Gram row, one held-out window a participant.
    draws: half-samples.
    permutations: of segment labels among participants with the same outcome, all attributes together; the same ones
        whatever the models.

    Returns one row a segment and layer pair: cka with its half-sample interval, ``matched``: the mean over subsamples
    of as many participants as the smallest shown segment of the attribute holds, and the lists ``halves``
    and ``permuted`` (empty for everybody, whom a permutation does not change).

    All models and all window draws share the same half-samples of participants, so averaging over tables does not
    shrink the variance between people.
    """
    records, draw = [], generator(0, "half-samples")
    _, who = np.unique(cohort.person[rows], return_inverse=True)
    order, matching = draw.random((len(rows), draws))[who], draw.random((len(rows), 50))[who]
    groups = {("everybody", "everybody"): np.arange(len(rows)), **shown_segments(cohort, rows, minimum)}
    sources = list(label_sources(cohort.person[rows], cohort.y[rows], permutations)) if permutations else []
    for (attribute, segment), chosen in groups.items():
        blocks = [[k[chosen][:, chosen] for k in grams] for grams in (supervised, other)]
        values = cka_table(*blocks)
        halves = lowest(order[chosen], len(chosen) // 2)
        size = min(len(people) for (name, _), people in groups.items() if name == attribute)
        matched = lowest(matching[chosen], size) if size < len(chosen) else halves[:, :0]
        found = subsample_table(*blocks, np.hstack([halves, matched]))
        permuted = np.empty((*values.shape, 0))
        if sources and attribute != "everybody":
            dealt = np.vstack([np.isin(source, chosen) for source in sources])
            permuted = subsample_table(supervised, other, dealt.T)
        for i, j in np.ndindex(values.shape):
            low, high = half_sample_interval(values[i, j], found[i, j, :draws])
            as_many = float(np.nanmean(found[i, j, draws:])) if size < len(chosen) else values[i, j]
            record = {"attribute": attribute, "segment": segment, "people": len(chosen), "layer_supervised": i + 1}
            record |= {"layer_other": j + 1, "cka": values[i, j], "low": low, "high": high}
            record |= {"matched": as_many, "matched_people": size, "halves": np.float32(found[i, j, :draws])}
            records.append(record | {"permuted": np.float32(permuted[i, j])})
    return pd.DataFrame(records)


def fewest(cohort: Cohort) -> int:
    """So many people CKA needs; of people who are real also so many as may be shown."""
    return 4 if cohort.origin == "twin" else max(4, cohort.card.min_cell)


def unknown(layers: int) -> pd.DataFrame:
    """What ``similarity_table`` says where there are too few people: nothing is known, of everybody."""
    columns = ("people", "cka", "low", "high", "matched", "matched_people")
    nothing = dict.fromkeys(columns, np.nan) | dict.fromkeys(DRAWS, np.empty(0, np.float32))
    keys = {"attribute": "everybody", "segment": "everybody"}
    return pd.DataFrame(
        [keys | {"layer_supervised": i + 1, "layer_other": j + 1} | nothing for i, j in np.ndindex(layers, layers)]
    )


def average_draws(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean of similarity tables over draws of one window a participant, and the half-sample interval of that mean.

    A person may change segment from one draw to the next.
    """
    if len(tables) == 1:
        return tables[0]
    rows = pd.concat(tables).groupby(KEYS, sort=False)
    numbers = ["people", "cka", "matched", "matched_people"]
    mean = rows[numbers].mean().join(rows[[*DRAWS]].agg(lambda lists: np.mean(np.stack(lists), axis=0)))
    mean = mean[rows.size() == len(tables)].reset_index()  # a segment too small to show in one draw is not shown
    ends = [half_sample_interval(value, halves) for value, halves in zip(mean["cka"], mean["halves"], strict=True)]
    mean[["low", "high"]] = np.reshape(ends, (len(mean), 2))
    sizes = ["people", "matched_people"]
    return mean.assign(**mean[sizes].round().astype(int))[list(tables[0].columns)]


#: The release took so many for most of its comparisons.
FIRST = 1280


def first_windows(cohort: Cohort, most: int = FIRST) -> dict[tuple[str, str], np.ndarray]:
    """(attribute, segment) → the first training rows of a segment, as many as there are up to ``most``.

    Segments whose training people are too few to be shown are left out, as in ``shown_segments``.
    """
    train = cohort.rows("train")
    allowed = shown_segments(cohort, train[one_window_each(cohort.person[train], seed=0)])
    found = {("everybody", "everybody"): train[:most]}
    for attribute, segment in allowed:
        found[attribute, segment] = train[(cohort.attributes[attribute].iloc[train] == segment).to_numpy()][:most]
    return found
