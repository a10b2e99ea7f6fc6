"""F-framework: the five stages, drawn by code (the paper's Figure 1 shows the same idea)."""

from matplotlib.patches import FancyBboxPatch

from .style import SEGMENTS, Drawn, axes

#: Each stage: its name, its question, what it gives.
STAGES = (
    ("1 Dataset\nrequirements", "Is this data fit\nfor the question?", "segments,\nlabel bias"),
    ("2 Pre-training", "What is learnt\nwithout labels?", "an encoder"),
    ("3 Fine-tuning", "How much\nsupervision?", "seven models,\ntwo controls"),
    ("4 Representation\nsimilarity", "Do two models see\na segment alike?", "CKA for each\nsegment"),
    ("5 Evaluation", "Who is served\nworse?", "disparities with\nintervals"),
)


def stages() -> Drawn:
    """F-framework: five boxes from left to right, each with its question above what it gives."""
    figure, panel = axes(9.0, 2.5)
    panel.set_axis_off()
    panel.set_xlim(0, 10.1)
    panel.set_ylim(0, 3)
    for i, (name, question, product) in enumerate(STAGES):
        left = 0.1 + 2 * i
        look = {"boxstyle": "round,pad=0.04", "edgecolor": SEGMENTS[i], "linewidth": 1.8}
        panel.add_patch(FancyBboxPatch((left, 0.3), 1.65, 2.4, facecolor="white", **look))
        panel.text(left + 0.83, 2.28, name, ha="center", va="center", fontsize=9, fontweight="bold")
        panel.text(left + 0.83, 1.5, question, ha="center", va="center", fontsize=8.5)
        panel.text(left + 0.83, 0.72, product, ha="center", va="center", fontsize=8.5, color="#444444", style="italic")
        if i:
            arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.2}
            panel.annotate("", (left - 0.02, 1.5), (left - 0.28, 1.5), arrowprops=arrow)
    parts = [f"{name}: {question}".replace("\n", " ") for name, question, _ in STAGES]
    return figure, f"Five boxes in a row, each leading to the next. {' '.join(parts)} The last gives disparities."
