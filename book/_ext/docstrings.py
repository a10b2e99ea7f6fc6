"""The reference pages read the package's docstrings: prose, with parameters as ``name: what it is`` under a heading."""

import re

from sphinx.application import Sphinx

PARAMETER = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.+)")


def setup(app: Sphinx) -> dict:
    app.connect("autodoc-process-docstring", as_definitions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def as_definitions(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Turn the section ``Parameters`` (or ``Attributes``) of a docstring into a definition list, in place."""
    underline = next((i for i, line in enumerate(lines) if re.fullmatch(r"-{5,}", line)), None)
    if underline is None:
        return
    out = lines[: underline - 1]
    rest = iter(lines[underline + 1 :])
    for line in rest:
        if found := PARAMETER.fullmatch(line):
            out += ["", f"``{found[1]}``", f"    {found[2]}"]
        elif line.startswith("    "):  # goes on
            out.append(line)
        else:
            out += [line, *rest]
    lines[:] = out
