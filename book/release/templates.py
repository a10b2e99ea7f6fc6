"""Words with numbers: templates that stand in YAML beside their facts, and one function that fills them.

``{share:percent}`` is the value ``share`` as a percentage, ``{gt[accuracy]:number2}`` an entry of a row with two
decimals, ``{p:p}`` a p-value, ``{ends:interval}`` a value with its interval, ``{same:agree|do not agree}`` one of two
words. A list is written value by value. ``{runs:each}`` fills another template, ``each``, for every record of ``runs``.
``{level}`` is the level of all intervals.
"""

import re
from collections.abc import Mapping
from string import Formatter

import pandas as pd

from fairlib import text

FORMS = {
    "": str,
    "count": text.count,
    "number": text.number,
    "signed": text.signed,
    "percent": text.percent,
    "p": text.p_value,
    "interval": lambda ends: text.with_interval(*ends),
    "change": lambda ends: text.with_interval(*ends, sign=True),
}
_FORM = re.compile(r"([a-z]*)(\d?)")


class TemplateError(ValueError):
    """A template and its values do not belong together."""


class _Filler(Formatter):
    def __init__(self, parts: Mapping[str, str], between: str) -> None:
        self.parts, self.between = parts, between

    def check_unused_args(self, used_args, args, kwargs) -> None:
        if left := kwargs.keys() - used_args:
            raise TemplateError(f"no placeholder for {', '.join(sorted(left))}")

    def format_field(self, value, format_spec: str) -> str:
        if format_spec in self.parts:
            return self.between.join(fill(self.parts[format_spec], {}, given=row) for row in _records(value))
        if "|" in format_spec:
            return format_spec.split("|")[0 if value else 1]
        if isinstance(value, list):
            return ", ".join(self.format_field(one, format_spec) for one in value)
        form = _FORM.fullmatch(format_spec)
        if not form or form[1] not in FORMS:
            raise TemplateError(f"no form {format_spec!r}; there are a|b, {', '.join([*FORMS, *self.parts][1:])}")
        return FORMS[form[1]](value, *map(int, form[2]))


def fill(
    template: str, values: Mapping, parts: Mapping | None = None, between: str = "; ", given: Mapping | None = None
) -> str:
    """The template with its values; every value must be used.

    parts: templates of one record of a value that is written by their name, its columns the values; between: what
    stands between two records; given: further values, which may stay unused.

    Raises ``TemplateError`` where a placeholder has no value, a value no placeholder, or a form is unknown.
    """
    filler, given = _Filler(parts or {}, between), {"level": text.LEVEL_WORDS, **(given or {})}
    used = {name.split("[")[0] for _, name, *_ in filler.parse(template) if name}
    known = {name: given[name] for name in used & given.keys()}
    try:
        return filler.vformat(template, (), {**known, **values})
    except (KeyError, IndexError) as error:
        raise TemplateError(f"no value for {error} in {template!r}") from None


def _records(rows: pd.DataFrame | pd.Series | list) -> list[dict]:
    """Rows as records; those of a series have the columns name and value."""
    if isinstance(rows, pd.Series):
        rows = rows.rename_axis("name").reset_index(name="value")
    return rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows


def fill_line(words: Mapping[str, str], values: Mapping) -> dict[str, str]:
    """The columns of a line of T-headline with their values; what is no column in ``words`` is a template of records.

    A value must be used in one column at least. ``between`` stands between two records.
    """
    columns = {name: words[name] for name in ("number", "source", "verdict", "cause") if name in words}
    parts = {name: template for name, template in words.items() if name not in columns}
    text = fill("\n".join(columns.values()), values, parts, words.get("between", "; "))
    return dict(zip(columns, text.split("\n"), strict=True))
