"""Verdicts in sentences that may be printed as they are: plain words, no symbols, nothing beyond what was shown.

Text in, text out. Each sentence names both models and says what the data exclude or leave open; where that
was measured is said by ``where``, such as "In the synthetic twin of MIMIC-III": it belongs before any sentence alone.
"""

from collections.abc import Iterable, Mapping


def number(value: float, digits: int = 3) -> str:
    """With its sign and a true minus; 0 has none."""
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if float(text.replace("−", "-")) else text[1:]


def between(low: float, high: float, digits: int = 3) -> str:
    """An interval in words."""
    return f"{number(low, digits)} to {number(high, digits)}"


def compatible(low: float, high: float) -> str:
    """The range of a change that is still compatible with the data; in percent of the reference."""
    less, more = f"{max(0, -low):.0f} % less", f"{max(0, high):.0f} % more"
    if high < 0:
        return f"between {-high:.0f} and {-low:.0f} % less" if high <= -0.5 else f"up to {less}"
    if low > 0:
        return f"between {low:.0f} and {high:.0f} % more" if low >= 0.5 else f"up to {more}"
    return f"anything from {less} to {more}"


def accuracy(one: str, other: str, low: float, high: float, margin: float) -> str:
    """How well cases are ranked, from the interval of the difference in AUC; margin: below 0."""
    ends = f"(interval of the difference in AUC: {between(low, high)})"
    if high < margin:
        return f"{_first(one)} ranks cases less well than {other}, by more than the margin of {-margin:g} {ends}."
    if low > margin:
        better = "better than" if low > 0 else "less well than" if high < 0 else "about as well as"
        held = f"a loss of AUC of {-margin:g} or more is not compatible with the data"
        return f"{_first(one)} ranks cases {better} {other}; {held} {ends}."
    worse = "ranks cases less well, and " if high < 0 else ""
    return f"{_first(one)} {worse}may lose {-margin:g} or more of the AUC of {other}: this is not excluded {ends}."


def disparity(name: str, one: str, other: str, facts: Mapping[str, float]) -> str:
    """A verdict on disparity. facts: low, high (percent of the other's disparity that the difference may be),
    ``detectable`` (percent), ``claim`` (percent smaller), ``margin`` (of equivalence, a factor)."""
    change, claim = compatible(facts["low"], facts["high"]), f"{facts['claim']:.0f} %"
    open_ends = f"the data are compatible with {change} disparity"
    told = {
        "claim supported": f"{_first(one)} has at least {claim} less disparity than {other}: {open_ends}",
        "claim excluded": f"A disparity that is {claim} smaller with {one} than with {other} is excluded: {open_ends}",
        "disparity smaller": f"{_first(one)} has less disparity than {other}: {open_ends}",
        "disparity larger": f"{_first(one)} has more disparity than {other}: {open_ends}",
        "disparity equivalent": (
            f"The disparities of {one} and {other} are equivalent: their average ratios of error rates differ by less"
            f" than a factor of {facts['margin']:.2f}"
        ),
        "too little data": (
            f"There are too little data to say whether {one} has more or less disparity than {other}: {open_ends}."
            f" {detectable(facts['detectable'])}"
        ),
        "the paper's claim": (
            f"For this model, way of training and alert rate, the paper's claim holds here: at least {claim} less"
            " disparity, and no relevant loss of accuracy"
        ),
    }
    return f"{told[name].rstrip('.')}."


def detectable(percent: float) -> str:
    """What a study like this one could have found, in percent of the reference."""
    if percent >= 100:
        return "Even if the disparity vanished, more than one in five studies like this one would miss it."
    return f"A study like this one finds a change of {percent:.0f} % in four of five cases, smaller ones less often."


def levelling(name: str, one: str, other: str, low: float, high: float, margin: float) -> str:
    """A verdict on the named groups, from the ends of a change in error rate; margin: a share."""
    group = name.removeprefix("levelling down: in ")
    if name == "levelling down: none":
        most = f"{100 * margin:g} percentage points"
        return f"A rise of the error rate by {most} or more with {one} is excluded for each group named beforehand."
    if name == "levelling down: open":
        if high != high:  # no group could be judged
            return "No group that was named beforehand has enough people to say whether it is served worse."
        most = f"{100 * high:.1f} percentage points"
        return (
            f"Whether {one} serves one of the groups named beforehand worse than {other} remains open: for one of them,"
            f" an error rate higher by up to {most} is compatible with the data."
        )
    ends = f"{100 * low:.1f} to {100 * high:.1f} percentage points"
    return f"{_first(one)} errs more often than {other} for the group {group}: by {ends} (interval)."


def paragraph(sentences: Iterable[str], where: str) -> str:
    """Sentences with where they hold in front: "In these data: …"."""
    return f"{where}: {' '.join(sentences)}"


def intervals(runs: int, fewest: int) -> str:
    """What the intervals contain."""
    if runs < fewest:
        return (
            f"Intervals are over people alone: {runs} training run{'s' * (runs != 1)} per model are fewer than the"
            f" {fewest} that tell how much training runs differ."
        )
    return f"Intervals are over people and {runs} training runs per model."


def _first(text: str) -> str:
    return text[0].upper() + text[1:]
