"""Stage 5: F-metric-tree, the questions that choose a metric and the answers of each data card."""

from fairlib.cards import Card
from fairlib.fairness import METRICS
from fairlib.report.style import FAIR_BAND, INK, PALE, SMALL, SUPERVISED, WIDTH, Drawn, axes

#: From top to bottom: what matters, and what a positive decision is.
ORDER = (("representation", "errors"), ("", "punitive", "assistive", "both"))
QUESTIONS = ("What matters?", "Positive decision", "For whom?", "Metric")
AT = (0.0, 2.1, 4.55, 7.35)  # left edges of the columns


def leaves() -> list[tuple[str, str, str, str, str]]:
    """What matters, the outcome, for whom, metric, and what it counts, from top to bottom."""
    found = [(*branch, name, counted) for name, row in METRICS.items() for *branch, counted in row.leaves]
    return sorted(found, key=lambda one: [(*words, word).index(word) for words, word in zip(ORDER, one, strict=False)])


def leaf(card: Card) -> tuple[str, str, str, str, str]:
    """The leaf that a card's answers lead to: answers start with the word of their branch, the metric decides last."""
    choice = card.metric
    said = (_word(choice.representation_or_errors), _word(choice.punitive_or_assistive))
    fits = [one for one in leaves() if one[3] == choice.metric]
    return max(fits, key=lambda one: sum(answer == step for answer, step in zip(said, one, strict=False)))


def _word(answer: str) -> str:
    return answer.split()[0].strip(",;:(").lower()


def metric_tree(cards: dict[str, Card], own: str) -> Drawn:
    """F-metric-tree: questions from left to right, metrics at the leaves, with the cards that chose each.

    cards: name as shown → card; ``own``: the one whose path is drawn strong.
    """
    chosen, tree = {name: leaf(card) for name, card in cards.items()}, leaves()
    figure, panel = axes(WIDTH, 0.5 * len(tree) + 0.2)
    panel.set_axis_off()
    panel.set(xlim=(-0.1, 13.1), ylim=(len(tree) - 0.4, -1.1))
    for x, question in zip(AT, QUESTIONS, strict=True):
        panel.text(x, -0.85, question, fontweight="bold")
    path, drawn = chosen[own], set()
    for row, branch in enumerate(tree):
        before = None
        for depth in range(4):
            key = branch[: depth + 1]
            if not branch[depth]:
                continue
            rows = [i for i, other in enumerate(tree) if other[: len(key)] == key]
            x, y, on = AT[depth], (min(rows) + max(rows)) / 2, path[: len(key)] == key
            if before:
                line = {"color": SUPERVISED if on else PALE, "linewidth": 2.4 if on else 0.8, "zorder": 1 + on}
                panel.plot([before[0], x - 0.3, x - 0.1, x], [before[1], before[1], y, y], **line)
            before = (x, y)  # the line starts behind its box
            if key not in drawn:
                drawn.add(key)
                _box(panel, x, y, depth, branch, on)
        text = [f"{'▶ ' * (name == own)}{name}" for name, at in chosen.items() if at == branch]
        panel.text(AT[3] + 4.15, row, "\n".join(text), va="center", fontsize=SMALL)
    facts = "; ".join(
        f"{name}: {', '.join(part for part in at[:3] if part)} → {METRICS[at[3]].short}" for name, at in chosen.items()
    )
    text = f"Tree of three questions that lead to {len(tree)} leaves with a fairness metric each"
    return figure, f"{text}. Answers of the data cards: {facts}."


def _box(panel, x: float, y: float, depth: int, branch: tuple, on: bool) -> None:
    """One answer, or a metric with what it counts."""
    text = branch[depth] if depth < 3 else f"{METRICS[branch[3]].short}\n{branch[4]}"
    box = {"facecolor": FAIR_BAND if on else "white", "edgecolor": INK if on else PALE, "linewidth": 1.6 if on else 0.8}
    look = {"fontweight": "bold" if on else "normal", "bbox": {"boxstyle": "round,pad=0.3"} | box}
    panel.text(x, y, text, va="center", fontsize=SMALL, zorder=3, **look)
