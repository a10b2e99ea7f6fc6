"""How programs spell one text: Unicode forms, invisible signs, words for a missing value, damage by spreadsheets.

Two spellings that nobody can tell apart on a screen are one text (``plain``). What only looks alike (``loose``), or was
not meant at all (``damage``, ``is_missing``), is refused in words where it matters.
"""

import math
import re
import unicodedata
from collections.abc import Iterable

#: Signs without width: soft hyphen, zero width space, directions of writing, word joiner, byte order mark.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
#: What a text with one spelling has not.
UNUSUAL = re.compile(r"[^ -~]|  ")
#: What people write for a missing value, in small letters and without signs; besides ``cards.NOTHING``.
_MISSING = re.compile(
    r"|n(a|an|il|one|ull|r)|missing|blank|empty|unk|unknown|withheld|ka|keineangabe|unbekannt|inconnu|desconocido"
    r"|(unknown(or)?)?(not|un|no)(known|available|applicable|asked|disclosed|documented|recorded|reported|specified)"
    r"|(not|un|no)(stated|determined|answer(ed)?|data|response|information)|unabletoobtain|dk|do(nt|not)know"
    r"|(patient|participant|subject|person)?(declined?|refused?)(to(answer|state|say|report|disclose))?"
    r"|(prefers?|rather)not(to)?(say|answer|state|disclose|report)"
)
#: Codes of a missing answer, as statistics programs and surveys write them; negative numbers too.
_CODES = re.compile(r"-\d+|9{1,4}|8{2,4}|7{2,4}")
_MONTH = "jan|feb|mar|mär|mrz|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez"
_DAMAGE = {
    "an error that a spreadsheet wrote": re.compile(
        r"#(ref|value|name|div/0|num|null|spill|calc|n/a)[!?]?|#{3,}", re.I
    ),
    "a date that a spreadsheet made of another text, such as 10-14": re.compile(
        rf"\d{{1,2}}[-. ]({_MONTH})\w*\.?|({_MONTH})\w*[-. ]\d{{2}}", re.I
    ),
}
_ROUNDED = re.compile(r"\d([.,]\d+)?e\+\d+", re.I)
#: What ``no_number`` says of a date.
DATE = ", a date"
_NO_NUMBER = {
    "with a comma: decimals need a point, thousands no sign": re.compile(r"[-+]?\d*,\d+|[-+]?\d{1,3}(\.\d{3})+,\d+"),
    "with thousands apart": re.compile(r"[-+]?\d{1,3}([,.' ]\d{3})+(\.\d+)?"),
    "with a sign of per cent": re.compile(r"[-+]?[\d.,]+ ?%"),
    DATE.removeprefix(", "): re.compile(r"\d{4}-\d\d?-\d\d?.*|\d\d?[./]\d\d?[./]\d{2,4}.*"),
}
_NUMBER = r"(\d+(?:\.\d+)?)"
_YEARS = r" ?(?:years?|yrs?|y|yo|y/o)?(?: old| of age)?"
_FROM = re.compile(rf"(?:>|≥|>=|over|above|more than|older than|at least) ?{_NUMBER}{_YEARS}", re.I)
_AND_MORE = re.compile(rf"{_NUMBER}{_YEARS} ?(?:\+|plus|(?:and|or|&) ?(?:over|above|older|more|up)){_YEARS}", re.I)
_BELOW = re.compile(rf"(?:<|under|below|less than|younger than) ?{_NUMBER}{_YEARS}", re.I)
_UP_TO = re.compile(rf"(?:≤|<=|up to|at most) ?{_NUMBER}{_YEARS}", re.I)
_BETWEEN = re.compile(rf"[\[(]?{_NUMBER} ?(?:-|–|to|,) ?{_NUMBER}(?P<end>[\])]?){_YEARS}", re.I)
_EXACT = re.compile(rf"{_NUMBER}{_YEARS}", re.I)


def plain(text: str) -> str:
    """One spelling of what looks the same: composed letters (NFC), no invisible signs, one space for any run of spaces.

    >>> plain(" Zoe\\u0308\\u200b \\u00a0 Smith\\n")
    'Zoë Smith'
    """
    if not UNUSUAL.search(text):
        return text.strip()
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split())


def loose(text: str) -> str:
    """The same for spellings that people mix up: case, width, signs between, zeros in front, a number's ".0".

    >>> loose("P-007") == loose("p 7") == loose("P_7.0")
    True
    """
    text = re.sub(r"(?<=\d)\.0+$", "", unicodedata.normalize("NFKC", text).casefold())
    return re.sub(r"[\W_]", "", re.sub(r"(?<!\d)0+(?=\d)", "", text))


def alike(lost: Iterable[str], known: Iterable[str]) -> list[tuple[str, str]]:
    """Ids that a table lacks, each with one that it knows and that only the spelling tells apart."""
    forms = {loose(text): text for text in known}
    pairs = ((text, forms.get(loose(text))) for text in lost)
    return [pair for pair in pairs if pair[1] is not None]


def is_missing(text: str, codes: bool = True) -> bool:
    """Whether a value says that nothing is known, in words or signs; codes: also numbers such as 99 or -9.

    >>> [is_missing(text) for text in ("Not reported", "?", "-", "k.A.", "-9", "Norwegian")]
    [True, True, True, True, True, False]
    """
    words = re.sub(r"[\W_]", "", text.casefold())
    return bool(_MISSING.fullmatch(words) or (codes and _CODES.fullmatch(text)))


def damage(text: str) -> str:
    """What a spreadsheet made of a text, in words; "" for what looks whole.

    >>> damage("14-Oct")
    'a date that a spreadsheet made of another text, such as 10-14'
    """
    return next((words for words, pattern in _DAMAGE.items() if pattern.fullmatch(text)), "")


def is_rounded(text: str) -> bool:
    """Whether an id was taken for a number and lost its digits, such as 1.23457E+15."""
    return bool(_ROUNDED.fullmatch(text))


def no_number(text: str) -> str:
    """Why a text that was meant as a number is none, for the end of a sentence; "" where it cannot be told.

    >>> no_number("0,53")
    ', with a comma: decimals need a point, thousands no sign'
    """
    if why := damage(text):
        return f", {why}"
    return next((f", {words}" for words, pattern in _NO_NUMBER.items() if pattern.fullmatch(text)), "")


def bounds(text: str) -> tuple[float, float] | None:
    """From where to where a number lies that is written as a range; None for what is not one. The highest is included.

    >>> bounds("> 89"), bounds("under 18"), bounds("60–64"), bounds("72 y")
    ((89.0, inf), (-inf, 17.999999999999996), (60.0, 64.0), (72.0, 72.0))
    """
    under = lambda number: math.nextafter(float(number), -math.inf)
    if found := _FROM.fullmatch(text) or _AND_MORE.fullmatch(text):
        return float(found[1]), math.inf
    if found := _BELOW.fullmatch(text):
        return -math.inf, under(found[1])
    if found := _UP_TO.fullmatch(text):
        return -math.inf, float(found[1])
    if (found := _BETWEEN.fullmatch(text)) and float(found[1]) <= float(found[2]):
        return float(found[1]), under(found[2]) if found["end"] == ")" else float(found[2])
    if found := _EXACT.fullmatch(text):
        return float(found[1]), float(found[1])
    return None
