"""One sentence for each finding of the audit: what it comes to in numbers, computed when the page is made."""

import numpy as np
import pandas as pd
from scipy import stats

from fairlib.inference import central
from fairlib.measures import noise
from fairlib.text import LEVEL_WORDS, count, number, p_value, percent, signed

from . import audit, findings, published
from .simulations import Simulated

#: Findings whose sentence rests on a simulation, or on our own runs; others follow from published numbers or the code.
SIMULATED = ("D12", "D14", "D20", "D23", "D24", "D25", "D34")
OWN_RUNS = ("D18",)
NOTHING = "nothing to compute: the source shows it"


def sentences(simulated: Simulated, seeds: pd.DataFrame) -> dict[str, str]:
    """The sentence of every finding, by its id. seeds: ``audit_runs.seed_spread`` of our own runs, perhaps empty."""
    found = _data() | _training(simulated, seeds) | _evaluation(simulated) | _representation(simulated) | _hygiene()
    return {name: found[name] for name in findings.load()}


def _data() -> dict[str, str]:
    labels = audit.mesa_labels()
    gt, wake = labels.loc["gt"], labels.loc["wake"]
    order = audit.window_order()
    people = [audit.size("MESA", split, "unique_subjects") for split in ("train", "val", "test")]
    rates = [_rate("GLOBEM", split) for split in ("val", "test")]
    train, test = (audit.numbers("D6", f"windows, {split}") for split in ("train", "test"))
    ids = audit.size("GLOBEM", "all", "unique_participant_ids")
    users = audit.numbers("D8", "users stated in the README").iloc[0]
    years = audit.numbers("D8", "identifiers, by year").sum()
    lost = audit.numbers("D9", "windows without some attribute").iloc[0]
    everything = audit.size("MIMIC", "all")
    biased, apart = (
        audit.numbers("D9", f"ratio of label rates, {which}")
        for which in ("windows with all attributes", "windows with this attribute")
    )
    moved = (biased - apart).abs().idxmax()
    language = audit.numbers("D10", "windows, test")
    no_language = audit.numbers("D10", "windows without a language").iloc[0]
    other = published.segments().query("attribute == 'Language' and segment == 'Other'")["windows"].iloc[0]
    exact, part = (audit.numbers("D11", f"windows, test, {how} code") for how in ("exact", "part of"))
    unknown = audit.numbers("D11", "windows, test, unknown ethnicity").sum()
    return {
        "D1": f"Positives in {count(gt['windows'])} test windows: {count(gt['positive'])} in gt,"
        f" {count(gt['windows'] - gt['positive'])}"
        f" in its opposite, {count(wake['positive'])} in wake. The same {count(gt['predicted'])} positive predictions"
        f" have an accuracy of"
        f" {number(gt['accuracy'])} against gt and {number(wake['accuracy'])} against wake, where never saying 1 has"
        f" {number(wake['always_no'])}.",
        "D2": f"Of {len(order)} steps between neighbours on the axis, {(order == -1).sum()} go back in time,"
        f" {(order == 1).sum()} forwards,"
        f" and one jumps {order.max()} epochs. Of the {audit.layer_lengths(len(order) + 1, 'valid')[0]} places of the"
        f" first kernel (24"
        f" epochs wide), {_across(order, 24)} lie across the jump.",
        "D3": "One of "
        + ", ".join(count(n) for n in people)
        + " participants in the three splits: "
        + ", ".join(percent(1 / n) for n in people)
        + ".",
        "D4": "Where each of four light channels varies k times as much as activity, activity makes "
        + ", ".join(f"{percent(1 / (1 + 4 * k**2))} (k = {k})" for k in (1, 3, 10))
        + " of the variance of an untrained first layer.",
        "D5": f"Positive: {percent(rates[0][0])} of validation and {percent(rates[1][0])} of test windows. Were"
        f" windows dealt at random,"
        f" p {_below(_two_rates(rates))}; windows of one person are alike, so the true p is larger.",
        "D6": f"Windows of Black participants: {count(train['Black'])} in training, {count(test['Black'])} in test;"
        f" of White ones"
        f" {count(train['White'])} and {count(test['White'])}. Counts of the smallest segment of gender are withheld.",
        "D7": "withheld: what could be computed describes one participant.",
        "D8": f"{count(ids)} identifiers, exactly the sum of the four years ({count(years)}); {count(users)} users"
        f" stated, so up to"
        f" {count(ids - users)} identifiers may be of people who came back.",
        "D9": f"{count(lost)} of {count(everything)} stays are dropped ({percent(lost / everything)}). Ratio for"
        f" {moved}:"
        f" {number(biased[moved])}, and {number(apart[moved])} when only stays without {moved} are dropped.",
        "D10": f"Test stays that are not English: {percent(language.iloc[1] / language.sum())}. In the whole data, a"
        f" known other language:"
        f" {percent(other / everything)}; with unknown ones: {percent((other + no_language) / everything)}.",
        "D11": "Test stays by exact code and by part of a code: "
        + ", ".join(f"{name} {count(exact[name])} and {count(part[name])}" for name in exact.index)
        + f". {count(unknown)} of unknown ethnicity count as not White.",
    }


def _training(simulated: Simulated, seeds: pd.DataFrame) -> dict[str, str]:
    views = simulated.views.groupby("recipe", sort=False)
    both, half = (own for _, own in views)
    rows = audit.schedules()
    mesa = rows[rows["dataset"] == "MESA"]
    slow = rows[rows["dataset"] != "MESA"]
    differ = audit.settings()
    runs = {name: audit.numbers("D16", "epochs", name) for name in ("MIMIC", "MESA", "GLOBEM")}
    stops = {name: audit.numbers("D16", "early stopping (1: yes)", name) for name in runs}
    batches = {name: audit.numbers("D16", "batch size", name) for name in runs}
    valid, same = audit.layer_lengths(48, "valid"), audit.layer_lengths(48, "same")
    printed = [
        audit.numbers("D19", f"length of layer, {which}") for which in ("main models", "supervised data efficiency")
    ]
    agree = tuple(printed[0]) == valid and tuple(printed[1]) == same
    spread = [
        f"{row.dataset}, {row.recipe}, {row.seeds} seeds: SSL minus supervised in AUC {signed(row.auc_min)} to"
        f" {signed(row.auc_max)}, in"
        f" disparity {signed(row.deviation_min)} to {signed(row.deviation_max)}"
        for row in seeds.itertuples()
    ]
    return {
        "D12": f"Simulated windows: the two views correlate by {number(both['correlation'].median())} in the middle,"
        f" {percent((both['correlation'] < 0).mean())} of pairs are opposite and {percent(both['flipped'].mean())} of"
        f" inputs sign-flipped;"
        f" with probability ½ each, {percent((half['correlation'] < 0).mean())} and {percent(half['flipped'].mean())}.",
        "D13": "Epochs until the rate is 0, of 200. MESA: "
        + ", ".join(f"{row.training} {number(row.zero_epoch, 2)}" for row in mesa.itertuples())
        + f". MIMIC and GLOBEM: {number(slow['zero_epoch'].min(), 1)} to {number(slow['zero_epoch'].max(), 1)}.",
        "D14": f"The same window twice through an untrained encoder, mean cosine of the features:"
        f" {number(simulated.dropout['inference'])}"
        f" as called, {number(simulated.dropout['training'])} with dropout on.",
        "D15": f"{len(differ)} settings of fine-tuning differ: {', '.join(differ['setting'].str.replace('_', ' '))}."
        f" In described, none.",
        "D16": "; ".join(
            f"{name}: {count(runs[name]['SSL'])} epochs, {'' if stops[name]['SSL'] else 'no '}early stopping, batches"
            f" of"
            f" {count(batches[name]['SSL'])} (SSL) and {count(batches[name]['supervised'])}"
            for name in runs
        )
        + ".",
        "D17": NOTHING + "; the name is made of recall and searched by AUC.",
        "D18": "; ".join(spread) + "." if spread else "our runs here have one seed: no spread to show.",
        "D19": f"Lengths of the three layers for 48 steps: {', '.join(map(str, valid))} with valid padding,"
        f" {', '.join(map(str, same))} with"
        f" same: {'as' if agree else 'not as'} printed. With GLOBEM's 28 steps valid padding leaves"
        f" {audit.layer_lengths(28, 'valid')[0]} for a second kernel of 16.",
    }


def _evaluation(simulated: Simulated) -> dict[str, str]:
    found = simulated.extremes
    many, chance = found["gap"] > found["high"], found["middle"]
    beyond = f" ({', '.join(dict.fromkeys(found.loc[many, 'dataset']))})" * bool(many.any())
    last = simulated.widths.iloc[-1]
    aucs = published.table("overall_auc")
    mesa = aucs.query("dataset == 'MESA' and run_tag == 'frozen2fl (val_loss run)'").dropna().iloc[0]
    low, high = audit.globem_auc()["auc"].agg(["min", "max"])
    coin, middle = central(simulated.coin), float(np.median(simulated.coin))
    means = published.table("parity_deviation").query("dataset == 'GLOBEM' and attribute == '(all 3)'")[
        "parity_deviation"
    ]
    ratios = audit.published_ratios()
    turned = (ratios["deviation"] < audit.FAIR) != (ratios["swapped"] < audit.FAIR)
    own, channels = audit.trainable(audit.size("MESA", "test", "channels")), audit.size("GLOBEM", "test", "channels")
    same = all(audit.numbers("D27", "trainable parameters", "MESA")[name] == value for name, value in own.items())
    legends = aucs[aucs["run_tag"].str.contains("legend shows")]
    big, small = (audit.trainable(channels)[name] for name in ("frozen_0", "frozen_3"))
    rows = noise.published_rows(published.segments(), published.held_out)
    size = rows["log_windows"]
    # One point a segment: the two models share their test windows.
    each = rows.groupby(["dataset", "attribute", "segment"])[["log_windows", "gap", "expected"]].mean()
    white = published.segments().query("dataset == 'MIMIC' and segment == 'White'")["share"].iloc[0]
    figure = aucs[aucs["run_tag"] == "Figure 6 spreadsheet"].query("dataset == 'MESA'")["auc"]
    roc = aucs[aucs["source"] == "visualizations.ipynb cell 38"]
    taken = audit.numbers("D32", "training windows in all").rename(index=int)
    unknown = audit.numbers("D32", "training windows of unknown ethnicity").rename(index=int)
    short = audit.numbers("D32", "codes with fewer windows than asked").rename(index=int)
    codes = audit.numbers("D32", "raw codes")
    tagged = published.table("data_efficiency").query("metric == 'auc'")
    models = tagged["model"].value_counts().items()
    few = [
        f"{name}: {count(audit.numbers('D21', 'windows, test')[name])} windows, {count(value)} positive, AUC"
        f" {number(audit.numbers('D21', 'AUC')[name])} [{number(audit.numbers('D21', 'AUC, lower bound')[name], 2)},"
        f" {number(audit.numbers('D21', 'AUC, upper bound')[name], 2)}]"
        for name, value in audit.numbers("D21", "positive windows, test").items()
    ]
    leak, age = audit.numbers("D22", "AUC, language"), audit.numbers("D22", "AUC, age")
    carried = max(*leak, *age) != age.max() or min(*leak, *age) != age.min()
    return {
        "D20": f"Chance alone puts best and worst {number(chance.min())} to {number(chance.max())} apart, on the"
        f" median. Beyond its {LEVEL_WORDS} range, were windows independent: {many.sum()} of {len(found)} published"
        f" distances{beyond}. The same two segments on new simulated data:"
        f" {number(found['again'].mean())}.",
        "D21": "; ".join(few) + ". Smaller segments are withheld here.",
        "D22": f"Language {number(leak.min())} to {number(leak.max())}, age {number(age.min())} to"
        f" {number(age.max())}: carrying language over"
        f" {'changes' if carried else 'does not change'} the extremes of age.",
        "D23": f"Published width for MESA {number(mesa['high'] - mesa['low'], 4)}, from"
        f" {count(audit.size('MESA', 'test'))} windows of"
        f" {count(audit.size('MESA', 'test', 'unique_subjects'))} people. Simulated with {count(last['each'])}"
        f" windows each: windows"
        f" {number(last['windows'], 4)}, people {number(last['people'], 4)}, truth {number(last['true'], 4)}.",
        "D24": f"AUC {number(low)} to {number(high)}. Mean parity deviation of a coin {number(middle)}, {LEVEL_WORDS}"
        f" range {number(coin[0])} to"
        f" {number(coin[1])}; published {number(means.min())} to {number(means.max())}.",
        "D25": f"Seven models that do not differ: {number(simulated.stars[0], 2)} of 21 tests below 0.05 on average,"
        f" at least one in"
        f" {percent(simulated.stars[1])} of simulated studies.",
        "D26": f"A ratio of 0.5 has a deviation of {number(abs(1 - 0.5))}, its inverse {number(abs(1 - 1 / 0.5))}. Of"
        f" {len(ratios)} published"
        f" ratios, {turned.sum()} change sides of {audit.FAIR} when the groups change roles.",
        "D27": "Legend against what is frozen by the parameter count: "
        + "; ".join(
            f"{row.run_tag.partition('legend shows ')[2]} has AUC {number(row.auc)} and is {_frozen(row.model)}"
            for row in legends.itertuples()
        )
        + f". Our network counts {count(own['frozen_2_first_last'])} and {count(own['frozen_2_first_middle'])}"
        f" trainable parameters; all seven {'agree' if same else 'do not agree'} with the printed ones.",
        "D28": f"{len(tagged)} models carry the name all frozen: "
        + ", ".join(f"{count(n)} {'supervised' if name == 'supervised' else 'middle frozen'}" for name, n in models)
        + ".",
        "D29": f"GLOBEM: {count(big)} trainable parameters lose their magnitude and read {big / 1e6:.0f} under a"
        f" heading of thousands, where the smallest model has {number(small / 1e3, 1)}.",
        "D30": f"White: {percent(white)} in the figure,"
        f" {percent(audit.numbers('D30', 'share of all windows').iloc[0])} of all stays. Correlation of"
        f" size and gap over {len(rows)} points {signed(size.corr(rows['gap']), 2)}, over {len(each)} segments"
        f" {signed(each['log_windows'].corr(each['gap']), 2)}, of noise alone"
        f" {signed(each['log_windows'].corr(each['expected']), 2)}.",
        "D31": f"Figure 6 {number(figure.min())} to {number(figure.max())}; the ROC figure {number(roc['auc'].min())}"
        f" to"
        f" {number(roc['auc'].max())}, with intervals of ±{number((roc['high'] - roc['low']).max() / 2)}.",
        "D32": f"n = {taken.index[0]}: {count(taken.iloc[0])} windows; n = {taken.index[-1]}:"
        f" {count(taken.iloc[-1])}, not"
        f" {count(taken.index[-1] * codes['all'])}, since {count(short.iloc[-1])} of {count(codes['all'])} codes have"
        f" fewer. Of unknown"
        f" ethnicity: {percent(unknown.iloc[0] / taken.iloc[0])} and {percent(unknown.iloc[-1] / taken.iloc[-1])}."
        f" {count(codes.iloc[1])} codes have fewer than 11 windows.",
    }


def _representation(simulated: Simulated) -> dict[str, str]:
    rows = audit.numbers("D33", "rows of a segment").sort_values()
    first = [audit.numbers("D33", f"CKA of the frozen first layer, {n} rows").mean() for n in (1280, 3670)]
    differences = audit.differences()
    language = differences[differences["pair"].str.startswith("English")]["value"].abs().mean()
    clip = differences[differences["note"].str.contains("clipped")]
    mean = simulated.repeats.mean()
    twice = audit.numbers("D34", 'CKA, "balanced" ethnicity') - audit.numbers("D34", "CKA, Hispanic")
    insurance = audit.apart(("D35", 'CKA, "balanced" insurance'), ("D35", "CKA, White"))
    drawn = [
        audit.apart(("D36", "CKA, drawn from the same name"), other)
        for other in (("D34", "CKA, Hispanic"), ("D35", "CKA, White"))
    ]
    sexes = audit.numbers("D38", "windows, test")
    people, pairs = audit.numbers("D39", "windows, test"), audit.numbers("D39", "pairs")
    black = people["Black"]
    made = {"everybody else": "SSL", "Hispanic": "supervised"}
    fits = all(black**2 + black * people[other] == pairs[model] for other, model in made.items())
    gender = [audit.numbers("D40", f"distance {which}, labelled gender") for which in ("between", "within")]
    ethnicity = audit.numbers("D40", "distance within, ethnicity").iloc[0]
    within, between = (
        audit.numbers("D41", f"distance {which}") for which in ("within Medicaid", "Medicaid to Self Pay")
    )
    n = audit.numbers("D41", "windows, test").iloc[0]
    same = audit.numbers("D42", "Manhattan distance, men to women")
    race = published.segments().query("dataset == 'GLOBEM' and attribute == 'Ethnicity/Race'").set_index("segment")
    ends = {model: (own["auc"].idxmax(), own["auc"].idxmin()) for model, own in race.groupby("model")}
    classes = [audit.numbers("D44", f"adjusted p-value, class {c}") for c in (0, 1)]
    return {
        "D33": f"Rows: {', '.join(f'{name} {count(value)}' for name, value in rows.items())}. The frozen first layer"
        f" reads {number(first[0])} at"
        f" 1,280 rows and {number(first[1])} at 3,670, {number(first[0] - first[1])} apart; differences for language"
        f" are"
        f" {number(language)} on average.",
        "D34": f"Published: the doubled segment differs from itself by {signed(twice.min(), 2)} to"
        f" {signed(twice.max(), 2)}. Simulated"
        f" unrelated features: unbiased CKA {number(mean['each row once'])} with each row once,"
        f" {number(mean['each row twice'])} with each"
        f" row twice.",
        "D35": f"Largest difference from the map of White patients: {number(insurance[1])}, with ±0.004 of reading"
        f" error.",
        "D36": f"The map that is drawn differs from Hispanic by at most {number(drawn[0][1])}, from White, which was"
        f" printed under the same"
        f" name, by up to {number(drawn[1][1])}.",
        "D37": f"{(clip['value'] < 0).sum()} of the {len(clip)} differences in the two clipped maps are negative,"
        f" down to"
        f" {signed(clip['value'].min())}.",
        "D38": f"“male” in “female” is {'male' in 'female'}: it matches {count(sexes.sum())} test windows,"
        f" {percent(sexes['female'] / sexes.sum())} of them of women.",
        "D39": f"{count(pairs['SSL'])} pairs for SSL, {count(pairs['supervised'])} for the supervised model:"
        f" {'exactly' if fits else 'not'} Black with Black and with everybody else, and with Hispanic.",
        "D40": f"Between: {number(gender[0]['SSL'])} and {number(gender[0]['supervised'])}; within:"
        f" {number(gender[1]['SSL'])} and"
        f" {number(gender[1]['supervised'])}, the same as within for ethnicity ({number(ethnicity)}).",
        "D41": f"Within Medicaid: SSL {number(within['SSL'], 1)}, supervised {number(within['supervised'], 1)}, a"
        f" factor of"
        f" {number(within['SSL'] / within['supervised'], 1)}. Between, divided by within, without self-pairs:"
        f" {number(between['SSL'] / (within['SSL'] * n / (n - 1)), 2)} and"
        f" {number(between['supervised'] / (within['supervised'] * n / (n - 1)), 2)}.",
        "D42": "Men to women, four ways: "
        + ", ".join(f"{name} {number(value, 2)}" for name, value in same.items())
        + ".",
        "D43": "Best and worst race of GLOBEM in Figure 6: "
        + "; ".join(
            f"{model if model == 'SSL' else 'supervised'} {best} and {worst}" for model, (best, worst) in ends.items()
        )
        + ".",
        "D44": f"The {len(classes[0])} p-values of the two classes are"
        f" {'the same' if classes[0].equals(classes[1]) else 'not the same'},"
        f" largest difference {number((classes[0] - classes[1]).abs().max())}.",
    }


def _hygiene() -> dict[str, str]:
    printed = audit.numbers("D46", "trainable parameters")
    own = {value: name for name, value in audit.trainable(audit.size("GLOBEM", "test", "channels")).items()}
    return {
        "D45": NOTHING + ", and it is not repeated.",
        "D46": "; ".join(
            f"{where}: {count(value)} trainable parameters, {_frozen(own[int(value)])}"
            for where, value in printed.items()
        )
        + ".",
    }


def _across(order: np.ndarray, kernel: int) -> int:
    """Places of a kernel on the axis that hold both sides of the jump."""
    jump = int(order.argmax())
    starts = np.arange(len(order) + 2 - kernel)
    return int(((starts <= jump) & (starts + kernel - 1 > jump)).sum())


def _rate(dataset: str, split: str) -> tuple[float, int]:
    n = audit.size(dataset, split)
    return audit.size(dataset, split, "label_1") / n, n


def _two_rates(rates: list[tuple[float, int]]) -> float:
    """p-value that two shares of independent windows are one."""
    (a, n), (b, m) = rates
    pooled = (a * n + b * m) / (n + m)
    return float(2 * stats.norm.sf(abs(a - b) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))))


def _below(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def _frozen(name: str) -> str:
    """What is frozen, from a strategy's name, ours or that of the published tables."""
    words = {
        "first_middle": "first and middle frozen",
        "first_last": "first and last frozen",
        "middle": "middle frozen",
    }
    words |= {"first": "first frozen"}
    return next(text for key, text in words.items() if name.endswith(key))
