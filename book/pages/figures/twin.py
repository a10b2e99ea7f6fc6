"""Figures about the model of a twin: its truth per segment, and what turning a knob does."""

import pandas as pd

from fairlib import twins
from fairlib.report.style import (
    CHANCE_EDGE,
    CONTROL,
    INK,
    SEGMENT_MARKERS,
    SEGMENTS,
    SMALL,
    WIDTH,
    Drawn,
    axes,
    legend_below,
)
from fairlib.twins.dial import DIALS

METRICS = {"label_rate": "label rate", "share": "share of people", "auc": "AUC"}


def truth(table: pd.DataFrame, draws: int) -> Drawn:
    """AUC of the fixed scorer in each segment (dot) and the ceiling above it (bar)."""
    table = table.iloc[::-1].reset_index(drop=True)
    figure, panel = axes(WIDTH, 1.1 + 0.23 * len(table))
    names = list(dict.fromkeys(table["attribute"][::-1]))
    for i, row in table.iterrows():
        place = names.index(row["attribute"]) % len(SEGMENTS)
        colour, marker = (INK, "o") if row["attribute"] == "everybody" else (SEGMENTS[place], SEGMENT_MARKERS[place])
        panel.plot([row["auc"], row["auc_ceiling"]], [i, i], color=CHANCE_EDGE, linewidth=0.8, zorder=1)
        panel.plot(row["auc"], i, marker, color=colour)
        panel.plot(row["auc_ceiling"], i, "|", color=colour, markersize=11, markeredgewidth=2)
    labels = [a if a == s else f"{a}: {s}" for a, s in zip(table["attribute"], table["segment"], strict=True)]
    panel.set_yticks(range(len(table)), labels)
    panel.grid(axis="y", visible=False)
    panel.set_xlabel(f"AUC in {draws:,} fresh draws")
    panel.axvline(0.5, color=CONTROL, linestyle=":", label="chance")
    panel.plot([], [], "o", color=INK, label="the fixed scorer")
    panel.plot([], [], "|", color=INK, markersize=11, markeredgewidth=2, label="the ceiling")
    legend_below(figure, panel)
    segments = table[table["attribute"] != "everybody"]
    low, high = (segments.loc[segments["auc"].agg(end)] for end in ("idxmin", "idxmax"))
    return figure, (
        f"AUC of the fixed scorer per segment, from {low['auc']:.2f} ({low['attribute']} {low['segment']}) to"
        f" {high['auc']:.2f} ({high['attribute']} {high['segment']}); the ceilings lie between"
        f" {segments['auc_ceiling'].min():.2f} and {segments['auc_ceiling'].max():.2f}."
    )


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
        panel.axvline(zero, color=CONTROL, linestyle=":", linewidth=1)
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
