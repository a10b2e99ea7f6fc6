"""F-framework: the five stages as an SVG, drawn by code (the paper's Figure 1 shows the same idea).

``python -m book.pages.figures.framework`` writes it where chapters include it; a test fails where the two differ. It is
made of no data, so unlike figures of results it may be a vector drawing: sharp, in the page's own colours and letters.
"""

from pathlib import Path

FILE = Path(__file__).parents[2] / "five_stages.html"
#: Each stage: its name, its question, what it gives; a line of text each.
STAGES = (
    (("1 Dataset", "requirements"), ("Is this data fit", "for the question?"), ("segments,", "label bias")),
    (("2 Pre-training",), ("What is learnt", "without labels?"), ("an encoder",)),
    (("3 Fine-tuning",), ("How much", "supervision?"), ("seven models,", "three controls")),
    (("4 Representation", "similarity"), ("Do two models see", "a segment alike?"), ("similarity", "by segment")),
    (("5 Evaluation",), ("Who is served", "worse?"), ("disparities", "with intervals")),
)
LINE = 19  # height of a line of text
ARROW = 'fill="none" stroke="currentColor" stroke-width="1.5"'


def alt() -> str:
    """What the drawing shows, for those who do not see it."""
    told = [f"{' '.join(name)}: {' '.join(question)} It gives {' '.join(gives)}." for name, question, gives in STAGES]
    return f"Five boxes, an arrow from each to the next. {' '.join(told)}"


def stages() -> str:
    """The figure as HTML: boxes in a row, and one below the other for narrow windows; the style sheet shows one."""
    wide = [_box(176 * i, 0, 152, 166, (34, 90, 138), stage) for i, stage in enumerate(STAGES)]
    wide += [f'<path d="M{176 * i + 154} 83h19m-7 -6 7 6 -7 6" {ARROW}/>' for i in range(4)]
    tall = [_box(0, 124 * i, 320, 100, (24, 52, 78), stage, joined=True) for i, stage in enumerate(STAGES)]
    tall += [f'<path d="M160 {124 * i + 102}v19m-6 -7 6 7 6 -7" {ARROW}/>' for i in range(4)]
    return (
        '<figure class="fairlib-drawing" id="five-stages">\n'
        + _svg("fairlib-wide", (856, 168), wide)
        + _svg("fairlib-tall", (320, 598), tall)
        + "<figcaption><strong>Figure 1. The five stages.</strong> Each has a name, a question, and what it gives (in"
        " italics). Drawn by code, made of no data.</figcaption>\n</figure>\n"
    )


def _svg(name: str, size: tuple[int, int], parts: list[str]) -> str:
    width, height = size
    view = f"-1 -1 {width + 2} {height + 2}"
    opening = f'<svg class="{name}" viewBox="{view}" role="img" aria-label="{alt()}" font-size="14.5">'
    return "\n".join([opening, *parts, "</svg>\n"])


def _box(x, y, width, height, centres, stage, joined=False) -> str:
    """A box with three texts, each centred at its height; ``joined`` writes a text on one line."""
    look = 'rx="8" fill="none" stroke="var(--pst-color-primary, #0072B2)" stroke-width="2"'
    parts = [f'<rect x="{x}" y="{y}" width="{width}" height="{height}" {look}/>']
    looks = ('font-weight="bold" font-size="15"', "", 'font-style="italic"')
    for centre, look, lines in zip(centres, looks, stage, strict=True):
        lines = (" ".join(lines),) if joined else lines
        for i, line in enumerate(lines):
            height_of_line = y + centre + LINE * (i - (len(lines) - 1) / 2) + 5
            place = f'x="{x + width / 2:g}" y="{height_of_line:g}" text-anchor="middle" fill="currentColor"'
            parts.append(f"<text {place} {look}>{line}</text>".replace(" >", ">"))
    return "\n".join(parts)


if __name__ == "__main__":
    FILE.write_text(stages(), encoding="utf-8")
    print(f"written: {FILE}")
