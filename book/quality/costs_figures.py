"""What the study costs: gains beside what was asked, and how each step grows."""

import pandas as pd

from fairlib.report.style import CONTROL, INK, LINES, SEGMENTS, SMALL, SSL, SUPERVISED, WIDTH, Drawn, axes

from .costs_tables import times


def gains(table: pd.DataFrame) -> Drawn:
    """How many times as fast as the alternative, a dot a comparison, with a line at what was asked.

    table: of ``costs.compared``.
    """
    threads = table["threads"].map({1: "1 thread"}).fillna(table["threads"].map("{} threads".format))
    names = [
        f"{row.topic}: {row.of}\n{row.case}, {many}, beside {row.than}"
        for row, many in zip(table.itertuples(), threads, strict=True)
    ]
    figure, panel = axes(WIDTH, 1.0 + 0.42 * len(table))
    met = table["wanted"].isna() | (table["ratio"] >= table["wanted"])
    panel.axvline(1, color=CONTROL, linewidth=1)
    for kind, own, marker, colour in (
        ("reached, or nothing asked", met, "o", SSL["frozen_0"]),
        ("not reached", ~met, "D", SUPERVISED),
    ):
        place = [i for i, chosen in enumerate(own) if chosen]
        panel.plot(table.loc[own, "ratio"], place, marker, color=colour, label=kind)
    asked = table.reset_index(drop=True)["wanted"].dropna()
    panel.plot(asked, asked.index, "|", color=INK, markersize=14, label="asked")
    panel.set_xscale("log")
    panel.set_xlabel("times as fast as the alternative (logarithmic)")
    panel.set_yticks(range(len(names)), names, fontsize=SMALL)
    panel.set_ylim(len(names) - 0.5, -0.5)
    figure.legend(loc="outside lower center", ncols=3)
    parts = [f"{r.topic}, {r.of}, {r.case}: {times(r.ratio)}" for r in table.itertuples()]
    return figure, f"Gains over the alternative. {'; '.join(parts)}."


def growth(table: pd.DataFrame) -> Drawn:
    """Seconds against size on log axes, a line a step, with the power that fits. table: of ``costs.growth``."""
    figure, panel = axes(WIDTH, 4.8)
    colours, styles = [*SEGMENTS, INK, SSL["frozen_3"]], list(LINES.values())
    facts = []
    for i, (step, rows) in enumerate(table.groupby("step", sort=False)):
        power = rows["exponent"].iloc[0]
        label = f"{step}: n^{power:.2f}"
        look = {"color": colours[i % len(colours)], "linestyle": styles[i % len(styles)], "marker": "osD^v<>xP"[i % 9]}
        panel.plot(rows["n"], rows["seconds"], label=label, markersize=4, **look)
        facts.append(label)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("size n: windows, people or participants")
    panel.set_ylabel("seconds, one thread")
    figure.legend(loc="outside lower center", ncols=2)
    return figure, f"Seconds of each step against its size, with the fitted power of n. {'; '.join(facts)}."
