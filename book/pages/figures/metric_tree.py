"""Stage 5: F-metric-tree, the questions that choose a metric and the answers of each data card."""

from fairlib.cards import Card
from fairlib.fairness import SHORT
from fairlib.report.style import FAIR_BAND, INK, PALE, SMALL, SUPERVISED, WIDTH, Drawn, axes

#: Leaves: what matters, the outcome, for whom, metric, and how often what goes wrong. Drawn from top to bottom.
LEAVES = (
    ("representation", "", "", "disparate_impact", "selected, among all"),
    ("errors", "punitive", "those flagged", "false_discovery_rate_ratio", "wrong, among the flagged"),
    ("errors", "punitive", "those without the event", "false_positive_rate_ratio", "flagged, without the event"),
    ("errors", "punitive", "everybody", "error_rate_ratio", "wrong, among all"),
    ("errors", "assistive", "everybody", "error_rate_ratio", "wrong, among all"),
    ("errors", "assistive", "those in need", "false_negative_rate_ratio", "missed, with the event"),
    ("errors", "assistive", "those not flagged", "false_omission_rate_ratio", "missed, among the not flagged"),
    ("errors", "both", "everybody", "average_odds_difference", "both errors, each in its own group"),
)
QUESTIONS = ("What matters?", "Positive decision", "For whom?", "Metric")
AT = (0.0, 2.1, 4.55, 7.35)  # left edges of the columns


def leaf(card: Card) -> int:
    """The leaf that a card's answers lead to: answers start with the word of their branch, the metric decides last."""
    choice = card.metric
    said = (_word(choice.representation_or_errors), _word(choice.punitive_or_assistive))
    agree = [sum(answer == step for answer, step in zip(said, branch, strict=False)) for branch in LEAVES]
    fits = [i for i, branch in enumerate(LEAVES) if branch[3] == choice.metric]
    return max(fits, key=lambda i: agree[i])


def _word(answer: str) -> str:
    return answer.split()[0].strip(",;:(").lower()


def metric_tree(cards: dict[str, Card], own: str) -> Drawn:
    """F-metric-tree: questions from left to right, metrics at the leaves, with the cards that chose each.

    cards: name as shown → card; ``own``: the one whose path is drawn strong.
    """
    chosen = {name: leaf(card) for name, card in cards.items()}
    figure, panel = axes(WIDTH, 4.2)
    panel.set_axis_off()
    panel.set_xlim(-0.1, 13.1)
    panel.set_ylim(len(LEAVES) - 0.4, -1.1)
    for x, question in zip(AT, QUESTIONS, strict=True):
        panel.text(x, -0.85, question, fontweight="bold")
    path, drawn = LEAVES[chosen[own]], set()
    for row, branch in enumerate(LEAVES):
        before = None
        for depth in range(4):
            key = branch[: depth + 1] if depth < 3 else branch[:4]
            if not branch[depth]:
                continue
            rows = [i for i, other in enumerate(LEAVES) if other[: len(key)] == key]
            y, on = (min(rows) + max(rows)) / 2, path[: len(key)] == key
            if before:
                line = {"color": SUPERVISED if on else PALE, "linewidth": 2.4 if on else 0.8, "zorder": 1 + on}
                panel.plot(
                    [before[0], AT[depth] - 0.3, AT[depth] - 0.1, AT[depth]], [before[1], before[1], y, y], **line
                )
            before = (AT[depth], y)  # the line starts behind its box
            if key not in drawn:
                drawn.add(key)
                _box(panel, AT[depth], y, depth, branch, on)
        shown = [name for name, at in chosen.items() if at == row]
        text = [("▶ " if name == own else "") + name for name in shown]
        panel.text(AT[3] + 4.15, row, "\n".join(text), va="center", fontsize=SMALL)
    facts = "; ".join(
        f"{name}: {', '.join(part for part in LEAVES[at][:3] if part)} → {_short(LEAVES[at][3])}"
        for name, at in chosen.items()
    )
    return (
        figure,
        f"Tree of three questions that lead to {len(LEAVES)} leaves with a fairness metric each. Answers of the data"
        f" cards: {facts}.",
    )


def _short(metric: str) -> str:
    return SHORT.get(metric, "AOD")


def _box(panel, x: float, y: float, depth: int, branch: tuple, on: bool) -> None:
    """One answer, or a metric with what it counts."""
    text = branch[depth] if depth < 3 else f"{_short(branch[3])}\n{branch[4]}"
    look = {"boxstyle": "round,pad=0.3", "facecolor": FAIR_BAND if on else "white", "linewidth": 1.6 if on else 0.8}
    weight = "bold" if on else "normal"
    panel.text(
        x,
        y,
        text,
        va="center",
        fontsize=SMALL,
        fontweight=weight,
        bbox=look | {"edgecolor": INK if on else PALE},
        zorder=3,
    )
