"""How numbers look in tables and sentences."""

import numpy as np
import pandas as pd

from .fairness import METRICS, RATES
from .inference import LEVEL

LEVEL_WORDS = f"{100 * LEVEL:g} %"  # of intervals and bands, in captions and headers
OF_100 = f"{100 * LEVEL:g} of 100"  # the same for draws of a null
ACCURACY_NAMES = {"auc": "AUC", "balanced_accuracy": "balanced accuracy"}


def disparity_name(metric: str) -> str:
    """What the distance of a metric from parity is called."""
    return "parity deviation" if metric in RATES else f"|{METRICS[metric].short}|"


def number(value: float, digits: int = 3) -> str:
    """A number, or a dash where it is unknown."""
    return "–" if value is None or not np.isfinite(value) else minus(f"{value:.{digits}f}")


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign; 0 has none."""
    if value is None or not np.isfinite(value):
        return "–"
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else minus(text)


def minus(text: str) -> str:
    """With a true minus: as wide as a plus, so columns line up, and read aloud as one."""
    return text.replace("-", "−")


def readable(text: str) -> str:
    """With the signs of print instead of a data card's; for what is shown, never for keys."""
    return text.replace(">=", "≥").replace("<=", "≤")


def with_interval(value: float, low: float, high: float, digits: int = 3, sign: bool = False) -> str:
    """``0.829 [0.801, 0.856]``; a dash where the value is unknown."""
    form = signed if sign else number
    if not np.isfinite(value):
        return "–"
    return f"{form(value, digits)} [{form(low, digits)},\u00a0{form(high, digits)}]"  # an interval stays on one line


def p_value(value: float) -> str:
    """A p-value; below 0.001 only that."""
    return "<0.001" if np.isfinite(value) and value < 0.001 else number(value)


def count(value: float, minimum: int | None = None) -> str:
    """A count with thousands separators; a withheld count shows the threshold it stayed under."""
    if value is None or pd.isna(value):
        return "–" if minimum is None else f"<{minimum}"
    return f"{int(value):,}"


def percent(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{100 * value:.1f} %"


def recipe_name(recipe: str) -> str:
    """A recipe in words: paper text, paper code, tuned."""
    return recipe.replace("_", " ")
