"""The named comparison on every dataset and recipe, one row each and no pooled mean."""

import pandas as pd
from matplotlib.ticker import MaxNLocator

from fairlib.audit.equal_rates import MARGINS, Scored, own_rows
from fairlib.measures.estimands import AUC, OVERALL, D
from fairlib.measures.evidence import EVERYONE
from fairlib.measures.operating import PRIMARY
from fairlib.report import style
from fairlib.report.style import COLOURS, INK, PALE, WIDTH, Drawn, axes, lines
from fairlib.strategies import PRIMARY as NAMED
from fairlib.text import number, percent, recipe_name, with_interval

from ..cases import Case

#: Panel: estimand, operating point, what its axis says.
PANELS = ((AUC, "", "difference in AUC"), (D, PRIMARY.name, "difference in disparity\nat 20 % alerts"))


def rows_of(scored: list[tuple[Case, Scored]]) -> pd.DataFrame:
    """The pair's differences in AUC and D of each case that is judged: columns case, panel, and those of the ends."""
    parts = []
    for case, own in scored:
        if not own.judged:
            continue
        for panel, (estimand, point, _) in enumerate(PANELS):
            found = own_rows(own.found, estimand=estimand, point=point)
            found = found[found["group"].isin([EVERYONE[1], OVERALL])]
            title = f"{case.card.called}, {recipe_name(case.p.recipe)}"
            parts.append(found.assign(case=title, panel=panel, people=len(set(own.of.person.tolist()))))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def across(rows: pd.DataFrame) -> Drawn:
    """F-across: difference of the named pair with its interval, and the range that could not have been told from 0.

    rows: of ``rows_of``.
    """
    names = list(dict.fromkeys(rows["case"]))
    figure, panels = axes(WIDTH, 1.4 + 0.4 * len(names), 1, len(PANELS), sharey=True)
    for place, (panel, (_, _, title)) in enumerate(zip(panels, PANELS, strict=True)):
        own = rows[rows["panel"] == place].set_index("case").loc[names]
        y = range(len(names))
        panel.barh(y, 2 * own["detectable"], left=-own["detectable"], height=0.7, color=PALE, alpha=0.35, zorder=0)
        panel.axvline(0, color=INK, linewidth=0.8)
        panel.hlines(y, own["low"], own["high"], color=COLOURS[NAMED], linewidth=1.6)
        panel.plot(own["estimate"], y, "D", color=COLOURS[NAMED], markersize=6)
        if place == 0:
            panel.axvline(MARGINS.auc, color=INK, linestyle="--", linewidth=1)
        else:
            claimed = -(1 - MARGINS.claim) * own["level_other"]
            panel.plot(claimed, y, "|", color=style.SUPERVISED, markersize=14, markeredgewidth=2)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.set_xlabel(f"{title}\n(SSL − supervised)")
    lines(panels[0], names)
    text = []
    for name in names:
        auc, d = (rows[(rows["case"] == name) & (rows["panel"] == place)].iloc[0] for place in (0, 1))
        both = (with_interval(row["estimate"], row["low"], row["high"], sign=True) for row in (auc, d))
        told = "{}: AUC {}, disparity {}".format(name, *both)
        text.append(f"{told}, detectable {number(d['detectable'])} ({percent(d['detectable_percent'] / 100)})")
    return figure, (
        f"The named pair on {len(names)} cases, without a pooled mean. Grey: differences too small to be found in four"
        f" of five studies; dashed: the margin of the AUC; upright mark: 30 % less. {'; '.join(text)}."
    )
