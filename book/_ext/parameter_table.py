"""Every parameter of every notebook, from the notebooks' parameter cells and the contracts that check them.

The line PARAMETERS of the page ``rerun`` becomes one row per parameter, and more rows where its meaning, default or
values differ between notebooks.
"""

import json
import re
from pathlib import Path

from sphinx.application import Sphinx

#: What a number counts or measures.
UNITS = {
    "seeds": "seeds, or repeats",
    "folds": "folds",
    "repeats": "repeats",
    "threads": "CPU threads",
    "people": "people per group",
    "threshold": "probability",
    "draws": "draws",
    "windows": "windows",
    "cohorts": "cohorts",
}
HEAD = "| parameter | meaning | unit | default | allowed | notebooks |\n| --- | --- | --- | --- | --- | --- |"


def setup(app: Sphinx) -> dict:
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the table into its page."""
    if docname == "rerun":
        source[0] = re.sub("^PARAMETERS$", lambda _: table(), source[0], flags=re.M)


def cells(notebooks: Path) -> dict[str, dict[str, tuple[str, str]]]:
    """Notebook → parameter → its meaning, the comment in the parameters cell, and its default, as written there."""
    found: dict[str, dict] = {}
    for path in sorted(notebooks.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if "parameters" in cell["metadata"].get("tags", ()):
                lines = (line.partition("  # ") for line in "".join(cell["source"]).splitlines())
                own = (([word.strip() for word in code.split("=", 1)], words) for code, _, words in lines)
                found[path.stem] = {name: (words, value) for (name, value), words in own}
    return found


def table() -> str:
    """The Markdown table. A parameter that a cell and its contract do not both know is a ``KeyError``."""
    from book.pages.contracts import CONTRACTS, ROOT  # here: the path to it is set when pages are read

    rows: dict[tuple, list[str]] = {}
    for notebook, own in cells(ROOT / "notebooks").items():
        schema = CONTRACTS[notebook].model_json_schema()
        for name, (words, default) in own.items():
            allowed = values(schema["properties"][name], schema) or names(name, CONTRACTS[notebook])
            rows.setdefault((name, words, default, allowed), []).append(notebook)
    order = list(dict.fromkeys(name for name, *_ in rows))
    return "\n".join([HEAD, *(_row(*key, rows[key]) for key in sorted(rows, key=lambda key: order.index(key[0])))])


def _row(name: str, words: str, default: str, allowed: str, notebooks: list[str]) -> str:
    cells = (f"`{name}`", words, UNITS.get(name, "–"), f"`{default}`", allowed, ", ".join(f"`{n}`" for n in notebooks))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def values(field: dict, schema: dict) -> str:
    """The values that a field's JSON schema allows, in words; nothing for any text."""
    if "$ref" in field:
        field = schema["$defs"][field["$ref"].rpartition("/")[2]]
    if "anyOf" in field:
        return " or ".join(values(option, schema) or "text" for option in field["anyOf"])
    kind = field.get("type")
    if kind == "array":
        return f"a list of {values(field['items'], schema) or 'texts'}"
    if kind == "object" and "additionalProperties" in field:
        inner = schema["$defs"][field["additionalProperties"]["$ref"].rpartition("/")[2]]
        return f"per dataset: {', '.join(f'`{name}`' for name in inner['properties'])}"
    if known := field.get("enum", [value for key, value in field.items() if key == "const"]):
        return ", ".join(f"`{value}`" for value in known)
    if kind in ("integer", "number"):
        said = "whole numbers" if kind == "integer" else "numbers"
        limits = ("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"), ("exclusiveMaximum", "below")
        return " ".join([said, *(f"{word} {field[limit]:,}" for limit, word in limits if limit in field)])
    return "`None`" if kind == "null" else ""


def names(parameter: str, contract) -> str:
    """What a text may be that a contract checks by itself."""
    from book.pages.contracts import OWN, OfTwin
    from fairlib import cards, twins

    if parameter != "dataset":
        return "text"
    known = twins.known() if issubclass(contract, OfTwin) else (*cards.all(), OWN)
    return ", ".join(f"`{name}`" for name in known)
