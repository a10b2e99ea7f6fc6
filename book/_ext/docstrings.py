"""The reference pages read the package's docstrings: prose, with parameters as ``name: what it is`` under a heading."""

import re

from sphinx.application import Sphinx

PARAMETER = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.+)")


def setup(app: Sphinx) -> dict:
    app.connect("autodoc-process-docstring", as_rst)
    app.connect("autodoc-skip-member", leave_fields_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def leave_fields_out(app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object) -> bool | None:
    """A named tuple's docstring says what its fields are; Python's own “Alias for field number 0” says nothing."""
    return True if (getattr(thing, "__doc__", None) or "").startswith("Alias for field number") else None


def as_rst(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Change the lines of a docstring in place: its parameters become a definition list, ``|1 − r|`` stays as it is."""
    lines[:] = [absolute_values(line) for line in lines]
    underline = next((i for i, line in enumerate(lines) if re.fullmatch(r"-{5,}", line)), None)
    if underline is None:
        return
    out, rest = lines[: underline - 1], iter(lines[underline + 1 :])
    for line in rest:
        if found := PARAMETER.fullmatch(line):
            out += ["", f"``{found[1]}``", f"    {found[2]}"]
        elif line.startswith("    "):  # goes on
            out.append(line)
        else:
            out += [line, *rest]
    lines[:] = out


def absolute_values(line: str) -> str:
    """Bars outside of code are no substitutions."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    return "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in re.split(r"(``.*?``)", line))
