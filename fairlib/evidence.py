"""Evidence: what the figures and tables are made of, as tidy aggregated tables without anybody's row.

The same tables come from a cohort and its trained models, or from the frozen results of a real run kept in the book.
"""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from . import cards, disclosure
from .cohort import SPLITS, Cohort
from .fairness import confusion, rate, ratios
from .inference import participant_draws, weighted_auc
from .seeds import generator
from .similarity import Gram, cka_subsamples, cka_table, half_sample_interval, half_samples

#: What a reader's note may count; small numbers of them are withheld.
COUNTED = "rows|stays|deaths|people|windows|records|admissions|epochs|participants|surveys|nights|days"
ZERO_RATE = "a rate in it is 0 or undefined"
ROC_GRID = np.linspace(0, 1, 101)
TABLE = ["scope", "attribute", "segment", "metric", "estimate", "people", "windows", "events", "note", "replicates"]


def access(cohort: Cohort) -> str:
    """The privacy rule that applies: a twin is synthetic whatever its original is."""
    return "synthetic" if cohort.origin == "twin" else cards.load(cohort.dataset).access


def card_key(cohort: Cohort) -> dict:
    """What the tables take from the data card, for a manifest key: segments, the privileged one, the smallest cell."""
    card = cards.load(cohort.dataset)
    groups = {name: [facts.privileged, *facts.segments] for name, facts in card.attributes.items()}
    return {"groups": groups, "min_cell": card.min_cell}


def cohort_tables(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Stage 1: sizes per split, sizes per segment (small cells withheld), attrition, and a typical window.

    The typical window is one synthetic window of a twin, or the average of the positive training windows of real data.
    """
    card, frame, rule = cards.load(cohort.dataset), _frame(cohort), access(cohort)
    # Restricted: all minus training minus test people would be the validation people of a segment.
    parts = ("all",) if rule == "restricted" else ("all", "train", "test")
    splits = [(name, frame[frame["split"] == name]) for name in SPLITS]
    sizes = pd.DataFrame([{"segment": name, **_size(part), **_people(part)} for name, part in splits])
    sizes = _suppress(sizes, rule, card.min_cell).drop(columns="note").rename(columns={"segment": "split"})
    sizes = pd.concat([sizes, pd.DataFrame([{"split": "all", **_size(frame)}])], ignore_index=True)
    segments = []
    for attribute in card.attributes:
        for name in parts:
            part = frame if name == "all" else frame[frame["split"] == name]
            for segment in [*card.attributes[attribute].segments, None]:
                chosen = part[part[attribute].isna() if segment is None else part[attribute] == segment]
                row = {"attribute": attribute, "split": name, "segment": segment or "unknown", **_size(chosen)}
                segments.append(row | _people(chosen))
    segments = pd.DataFrame(segments)
    segments = segments[(segments["segment"] != "unknown") | (segments["windows"] > 0)]  # nobody unknown: no such cell
    segments = _suppress(segments.reset_index(drop=True), rule, card.min_cell)
    typical, averaged = _typical_window(cohort, rule, card.min_cell)
    shape = pd.DataFrame([{"timesteps": cohort.x.shape[1], "channels": cohort.x.shape[2], "averaged": averaged}])
    return {
        "sizes": sizes,
        "segments": segments,
        "attrition": _attrition(cohort.attrition, rule, card.min_cell),
        "typical_window": typical,
        "shape": shape,
    }


def _typical_window(cohort: Cohort, rule: str, minimum: int) -> tuple[pd.DataFrame, int]:
    """Four measured channels that change most over time, and how many windows they average.

    Averages of real windows keep two decimals: with more, sums over people whose values are seldom measured would give
    a single person's values away.
    """
    train = cohort.rows("train")
    rows = train[cohort.y[train] == 1]
    rows = rows[:1] if rule == "synthetic" else rows[:2000] if len(rows) >= 10 * minimum else train[:2000]
    measured = [i for i, name in enumerate(cohort.channels) if "mask" not in name and "->" not in name]
    mean = cohort.x[rows].mean(axis=0)[:, measured]
    if rule != "synthetic":
        mean = mean.round(2)
    chosen = np.sort(np.argsort(-mean.std(axis=0), kind="stable")[:4])
    return pd.DataFrame(mean[:, chosen], columns=[cohort.channels[measured[i]] for i in chosen]), len(rows)


def evaluation_tables(cohort: Cohort, score: np.ndarray, threshold: float, draws: int) -> dict[str, pd.DataFrame]:
    """Stages 3 and 5: metrics of one model on the test split, overall, per segment and as ratios, with replicates.

    Parameters
    ----------
    score: (n,) predicted probabilities; only test rows are read.
    threshold: decisions are ``score >= threshold``.
    draws: bootstrap draws of participants, the same for every model of this cohort.

    Returns ``metrics`` (columns ``TABLE``; replicates is a list of ``draws`` values) and ``roc`` (tpr on a fpr grid).
    """
    card, rows = cards.load(cohort.dataset), cohort.rows("test")
    y, s, frame = cohort.y[rows].astype(np.int64), score[rows], _frame(cohort).iloc[rows].reset_index(drop=True)
    decision = (s >= threshold).astype(np.int64)
    weights = participant_draws(cohort.person[rows], draws).weights
    rule, records, curves = access(cohort), [], []
    everybody = np.ones(len(rows), dtype=bool)
    base = {"scope": "overall", "attribute": "everybody", "segment": "everybody"}
    overall = _performance(y, s, decision, weights, everybody)
    overall.append(_precision(y, s, weights))
    records += [base | _size(frame) | {"note": ""} | row for row in overall]
    curves.append(_roc(y, s, "everybody", "everybody"))
    for attribute, facts in card.attributes.items():
        reasons = _withheld(frame, attribute, facts.segments, rule, card.min_cell)
        for segment in facts.segments:
            chosen = (frame[attribute] == segment).to_numpy()
            size, base = _size(frame[chosen]), {"scope": "segment", "attribute": attribute, "segment": segment}
            hidden = reasons.get(segment)
            if hidden:
                records.append(base | _size(frame[:0]) | {"note": hidden} | _undefined("auc", draws))
                continue
            if few := _too_few(frame[chosen], card.min_cell):
                records.append(base | size | {"note": few} | _undefined("auc", draws))
                continue
            records += [base | size | {"note": ""} | row for row in _performance(y, s, decision, weights, chosen)]
            curves.append(_roc(y[chosen], s[chosen], attribute, segment))
        privileged = (frame[attribute] == facts.privileged).to_numpy()
        unprivileged = (frame[attribute].notna() & (frame[attribute] != facts.privileged)).to_numpy()
        records += _ratio_rows(y, decision, weights, unprivileged, privileged, frame, attribute, rule, card.min_cell)
    return {"metrics": pd.DataFrame(records)[TABLE], "roc": pd.concat(curves, ignore_index=True)}


def _performance(y, s, decision, weights, chosen) -> list[dict]:
    """AUC, accuracy, balanced accuracy, F1 and the error rates of one group, each with its replicates."""
    y, s, decision, weights = y[chosen], s[chosen], decision[chosen], weights[:, chosen]
    ones = np.ones((1, len(y)), dtype=np.float32)
    counts, drawn = (confusion(y, decision, w) for w in (ones, weights))

    def row(metric, value, replicates):
        return {"metric": metric, "estimate": float(np.squeeze(value)), "replicates": np.float32(replicates)}

    out = [row("auc", weighted_auc(y, s, ones), weighted_auc(y, s, weights))]
    return out + [row(metric, of(counts), of(drawn)) for metric, of in SUMMARIES.items()]


def _precision(y, s, weights) -> dict:
    """Average precision (AUPRC): sorted once, positives' precision under each weighting; ties share one threshold."""
    order = np.argsort(-s, kind="stable")
    ends = np.flatnonzero(np.r_[s[order][1:] != s[order][:-1], True])  # last row of each group of ties
    w = np.vstack([np.ones(len(y), dtype=np.float32), weights])[:, order].astype(np.float64)
    positive = np.cumsum(w * y[order], axis=1)[:, ends]
    flagged = np.cumsum(w, axis=1)[:, ends]
    with np.errstate(invalid="ignore", divide="ignore"):
        gained = np.diff(positive, axis=1, prepend=0) / positive[:, -1:]
        value = np.nansum(gained * positive / np.where(flagged > 0, flagged, np.nan), axis=1)
    value = np.where(positive[:, -1] > 0, value, np.nan)
    return {"metric": "auprc", "estimate": float(value[0]), "replicates": np.float32(value[1:])}


#: Further metrics of one group, from its confusion counts.
SUMMARIES = {
    "accuracy": lambda c: 1 - rate(c, "error_rate_ratio"),
    "balanced_accuracy": lambda c: (
        1 - (rate(c, "false_negative_rate_ratio") + rate(c, "false_positive_rate_ratio")) / 2
    ),
    "f1": lambda c: 2 * c["tp"] / np.maximum(2 * c["tp"] + c["fp"] + c["fn"], 1),
    "error_rate": lambda c: rate(c, "error_rate_ratio"),
    "false_negative_rate": lambda c: rate(c, "false_negative_rate_ratio"),
    "false_positive_rate": lambda c: rate(c, "false_positive_rate_ratio"),
    "selection_rate": lambda c: rate(c, "disparate_impact"),
}


def _ratio_rows(y, decision, weights, unprivileged, privileged, frame, attribute, rule, minimum) -> list[dict]:
    """The ratio metrics of one attribute: all unprivileged people with a known value over the privileged ones."""
    base = {"scope": "ratio", "attribute": attribute, "segment": "unprivileged / privileged"}
    groups = [(_size(frame[group])["people"], _people(frame[group])) for group in (unprivileged, privileged)]
    hidden = [disclosure.withheld(n, with_["people_1"], rule, minimum, with_["people_0"]) for n, with_ in groups]
    known = unprivileged | privileged
    if any(hidden):
        note = next(reason for reason in hidden if reason)
        return [base | _size(frame[:0]) | {"note": note} | _undefined("error_rate_ratio", len(weights))]
    few = next((reason for g in (unprivileged, privileged) if (reason := _too_few(frame[g], minimum))), "")
    if few:
        return [base | _size(frame[known]) | {"note": few} | _undefined("error_rate_ratio", len(weights))]
    point, drawn = (
        ratios(*(confusion(y[group], decision[group], w[:, group]) for group in (unprivileged, privileged)))
        for w in (np.ones((1, len(y)), dtype=np.float32), weights)
    )
    unknown, sizes, note = frame[~known], _size(frame[known]), ""
    if rule == "restricted" and len(unknown):  # everybody minus the known must not give a small cell
        counts = _people(unknown)
        if disclosure.withheld(_size(unknown)["people"], counts["people_1"], rule, minimum, counts["people_0"]):
            sizes, note = _size(frame[:0]), "sizes withheld: few people are unknown"
    return [
        base
        | sizes
        | {"note": note if np.isfinite(point[metric][0]) else ZERO_RATE}
        | {"metric": metric, "estimate": float(point[metric][0]), "replicates": np.float32(drawn[metric])}
        for metric in point
    ]


def _roc(y, s, attribute: str, segment: str) -> pd.DataFrame:
    """The curve on a fixed grid of false positive rates, so that no single score can be read from it."""
    fpr, tpr, _ = roc_curve(y, s)
    tpr = np.interp(ROC_GRID, fpr, tpr)
    return pd.DataFrame({"attribute": attribute, "segment": segment, "fpr": ROC_GRID, "tpr": tpr.astype(np.float32)})


def _undefined(metric: str, draws: int) -> dict:
    return {"metric": metric, "estimate": np.nan, "replicates": np.full(draws, np.nan, dtype=np.float32)}


def similarity_table(
    cohort: Cohort,
    supervised: list[Gram],
    other: list[Gram],
    rows: np.ndarray,
    draws: int = 200,
    minimum: int = 50,
) -> pd.DataFrame:
    """Stage 4: CKA of each layer of the supervised model with each layer of another, for everybody and per segment.

    Parameters
    ----------
    supervised, other: Gram matrices of the layers on the same rows.
    rows: cohort row of each Gram row, one held-out window a participant.
    minimum: segments of fewer participants are not shown.

    Returns one row a segment and layer pair: cka with its half-sample interval, and ``matched``: the mean over
    subsamples of as many participants as the smallest shown segment of the attribute holds.
    """
    frame, records, draw = _frame(cohort).iloc[rows].reset_index(drop=True), [], generator(0, "half-samples")
    groups = {("everybody", "everybody"): np.arange(len(rows))}
    smallest = {}
    for attribute, facts in cards.load(cohort.dataset).attributes.items():
        members = {segment: np.flatnonzero(frame[attribute] == segment) for segment in facts.segments}
        shown = {segment: chosen for segment, chosen in members.items() if len(chosen) >= minimum}
        groups |= {(attribute, segment): chosen for segment, chosen in shown.items()}
        if shown:
            smallest[attribute] = min(len(chosen) for chosen in shown.values())
    for (attribute, segment), chosen in groups.items():
        blocks = [[k[np.ix_(chosen, chosen)] for k in grams] for grams in (supervised, other)]
        values = cka_table(*blocks)
        halves = half_samples(len(chosen), draws, draw)
        size = smallest.get(attribute, len(chosen))
        ranks = draw.random((len(chosen), 50)).argsort(axis=0).argsort(axis=0)
        subsamples = (ranks < size).astype(np.float32)
        for i, j in np.ndindex(values.shape):
            spread = cka_subsamples(blocks[0][i], blocks[1][j], halves)
            low, high = half_sample_interval(values[i, j], spread)
            alike = values[i, j]
            if size < len(chosen):
                alike = float(np.nanmean(cka_subsamples(blocks[0][i], blocks[1][j], subsamples)))
            records.append(
                {"attribute": attribute, "segment": segment, "people": len(chosen), "layer_supervised": i + 1}
                | {"layer_other": j + 1, "cka": values[i, j], "low": low, "high": high}
                | {"matched": alike, "matched_people": size}
            )
    return pd.DataFrame(records)


def _suppress(table: pd.DataFrame, rule: str, minimum: int) -> pd.DataFrame:
    """Withhold segments by their people with and without an event; windows and events go with them."""
    table = disclosure.suppress(table, rule, minimum, "people", "people_1", "people_0", values=["windows", "events"])
    return table.drop(columns=["people_0", "people_1"])


def _attrition(table: pd.DataFrame, rule: str, minimum: int) -> pd.DataFrame:
    """The attrition table with counts under the threshold replaced, in its columns (missing) and in its words."""
    if rule == "synthetic":
        return table
    table = table.copy()
    for column in ("windows", "people"):
        table[column] = table[column].where(~table[column].between(1, minimum - 1))
    few = rf"(?<![\d,.])(?:{'|'.join(map(str, range(1, minimum)))}) (?={COUNTED})"
    table["note"] = table["note"].str.replace(few, f"fewer than {minimum} ", regex=True)
    return table


def _withheld(frame: pd.DataFrame, attribute: str, segments: list[str], rule: str, minimum: int) -> dict[str, str]:
    """Segment → why it is withheld; "unknown" counts as a cell too, since it completes the total."""
    names = [*segments, None]
    cells = [frame[frame[attribute].isna() if name is None else frame[attribute] == name] for name in names]
    rows = [{"attribute": attribute, "segment": n} | _size(c) | _people(c) for n, c in zip(names, cells, strict=True)]
    table = pd.DataFrame(rows)
    table = _suppress(table[(table["windows"] > 0) | table["segment"].notna()], rule, minimum)
    hidden = table[table["people"].isna()]
    return dict(zip(hidden["segment"], hidden["note"], strict=True))


def _frame(cohort: Cohort) -> pd.DataFrame:
    base = pd.DataFrame({"person": cohort.person, "y": cohort.y, "split": cohort.split})
    return pd.concat([base, cohort.attributes.reset_index(drop=True)], axis=1)


def average_draws(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean of similarity tables over draws of one window a participant; a person may change segment."""
    keys = ["attribute", "segment", "layer_supervised", "layer_other"]
    rows = pd.concat(tables).groupby(keys, sort=False)
    mean = rows[["people", "cka", "low", "high", "matched", "matched_people"]].mean()
    mean = mean[rows.size() == len(tables)].reset_index()  # a segment too small to show in one draw is not shown
    sizes = ["people", "matched_people"]
    return mean.assign(**mean[sizes].round().astype(int))[list(tables[0].columns)]


def _too_few(frame: pd.DataFrame, minimum: int) -> str:
    """Why a segment cannot be judged, though it may be shown: an AUC of two deaths says nothing; "" if it can."""
    people = _people(frame)
    if not len(frame):
        return "nobody in the test split"
    if 0 in people.values():
        return "one class only: no AUC"
    short = min(people.values()) < minimum
    return f"too few to judge: under {minimum} people with or without the outcome" if short else ""


def _size(frame: pd.DataFrame) -> dict:
    return {"people": int(frame["person"].nunique()), "windows": len(frame), "events": int(frame["y"].sum())}


def _people(frame: pd.DataFrame) -> dict:
    """Participants with a positive and with a negative window: the privacy rule counts people, not windows."""
    return {f"people_{y}": int(frame.loc[frame["y"] == y, "person"].nunique()) for y in (0, 1)}
