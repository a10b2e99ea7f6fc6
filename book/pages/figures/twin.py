"""What turning a knob of a twin does."""

import pandas as pd

from fairlib import twins
from fairlib.report import style
from fairlib.report.style import SEGMENTS, SMALL, WIDTH, Drawn, axes
from fairlib.twins.dial import DIALS

METRICS = {"label_rate": "label rate", "share": "share of people", "auc": "AUC"}


def dial_curves(curves: dict[str, pd.DataFrame], dataset: str) -> Drawn:
    """One panel a knob: the truth as a line over its settings, cohorts drawn from the model as dots."""
    attribute, segment = twins.module(dataset).TURNED
    figure, panels = axes(WIDTH, 4.6, 2, 3)
    facts = []
    for panel, (knob, curve) in zip(panels.flat, curves.items(), strict=False):
        dial, name = DIALS[knob], METRICS[DIALS[knob].metric]
        true, measured = curve[curve["kind"] == "truth"], curve[curve["kind"] == "measured"]
        panel.plot(measured["setting"], measured["value"], "o", color=SEGMENTS[0], alpha=0.5, markersize=4)
        panel.plot(true["setting"], true["value"], "-", color=SEGMENTS[1])
        zero = 1.0 if knob == "prevalence" else 0.0
        panel.axvline(zero, color=style.CONTROL, linestyle=":", linewidth=1)
        panel.set_title(knob.replace("_", " "))
        panel.set_xlabel(f"setting ({'1: as published' if zero else '0: no disparity'})", fontsize=SMALL)
        panel.set_ylabel(f"{name}, minus others'" if dial.against_others else name, fontsize=SMALL)
        first, last = true["value"].iloc[0], true["value"].iloc[-1]
        facts.append(f"{knob.replace('_', ' ')}: {name} from {first:+.2f} to {last:+.2f}")
    legend = panels.flat[-1]
    legend.set_axis_off()
    legend.plot([], [], "-", color=SEGMENTS[1], label="truth")
    legend.plot([], [], "o", color=SEGMENTS[0], alpha=0.5, label="one cohort each")
    legend.legend(loc="center left", title=f"{attribute}: {segment}")
    return figure, f"Dial curves of {attribute} {segment}, truth at the first and last setting. {'; '.join(facts)}."
