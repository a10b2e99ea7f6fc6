"""Words with numbers: templates that stand in YAML beside their facts, and one function that fills them.

``{share:percent}`` is the value ``share`` as a percentage, ``{gt[accuracy]:number2}`` an entry of a row with two
decimals, ``{p:p}`` a p-value, ``{ends:interval}`` a value with its interval, ``{same:agree|do not agree}`` one of two
words. A list is written value by value. ``{runs:each}`` fills the template of one record for every record.
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
    def __init__(self, each: str, between: str, none: str) -> None:
        self.each, self.between, self.none = each, between, none

    def check_unused_args(self, used_args, args, kwargs) -> None:
        if left := kwargs.keys() - used_args:
            raise TemplateError(f"no placeholder for {', '.join(sorted(left))}")

    def format_field(self, value, format_spec: str) -> str:
        if format_spec == "each":
            return self.between.join(fill(self.each, {}, given=row) for row in _records(value)) or self.none
        if "|" in format_spec:
            return format_spec.split("|")[0 if value else 1]
        if isinstance(value, list):
            return ", ".join(self.format_field(one, format_spec) for one in value)
        form = _FORM.fullmatch(format_spec)
        if not form or form[1] not in FORMS:
            raise TemplateError(f"no form {format_spec!r}; there are each, a|b, {', '.join(filter(None, FORMS))}")
        return FORMS[form[1]](value, *map(int, form[2]))


def fill(
    template: str, values: Mapping, each: str = "", between: str = "; ", none: str = "", given: Mapping | None = None
) -> str:
    """The template with its values; every value must be used.

    each: template of one record of a value written as ``each``, its columns the values; between: what stands between
    two records, none: what stands there if there are none; given: further values, which may stay unused.

    Raises ``TemplateError`` where a placeholder has no value, a value no placeholder, or a form is unknown.
    """
    filler = _Filler(each, between, none)
    try:
        used = {name.split("[")[0] for _, name, *_ in filler.parse(template) if name}
        more = {name: value for name, value in (given or {}).items() if name in used}
        return filler.vformat(template, (), {**more, **values})
    except (KeyError, IndexError) as error:
        raise TemplateError(f"no value for {error} in {template!r}") from None


def _records(rows: pd.DataFrame | pd.Series | list) -> list[dict]:
    """Rows as records; those of a series have the columns name and value."""
    if isinstance(rows, pd.Series):
        rows = rows.rename_axis("name").reset_index(name="value")
    return rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
