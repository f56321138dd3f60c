"""What the names of a table's files say: where the date stands, and what else differs between them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from etl_assets.staging.source import DIRECTIVES, compile_pattern


class Grain(StrEnum):
    """How exactly a name tells the time."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True)
class Naming:
    """How a set of files is named.

    Attributes:
        pattern: Matches all the names; without `{period:...}` when they hold no date.
        grain: How exactly the names tell the time; None without a date.
        dates: Key -> the first day of what its name tells.
        parts: Key -> what differs beside the date; empty where nothing does.
        left_out: Keys that are named otherwise.
        also: Another way to read the dates, such as day and month the other way round; "" if there is none.
    """

    pattern: str
    grain: Grain | None
    dates: dict[str, date]
    parts: dict[str, str]
    left_out: tuple[str, ...] = ()
    also: str = ""

    @property
    def parts_are_numbers(self) -> bool:
        """Whether what differs is a number or a time, and no name."""
        return all(re.fullmatch(r"[T_:.-]?[0-9]+(?:[_:.-][0-9]+)*Z?", part) for part in self.parts.values())


@dataclass(frozen=True)
class _Form:
    """A way to write a date; the groups of the expression are named as the directives are."""

    expression: re.Pattern[str]
    grain: Grain
    unpadded: bool = False


def _form(expression: str, grain: Grain, unpadded: bool = False) -> _Form:
    # Digits beside it would make it another number.
    return _Form(re.compile(rf"(?<![0-9]){expression}(?![0-9])"), grain, unpadded)


_Y, _M, _D = "(?P<Y>(?:19|20)[0-9]{2})", "(?P<m>0[1-9]|1[0-2])", "(?P<d>0[1-9]|[12][0-9]|3[01])"
_G, _V, _WEEK = "(?P<G>(?:19|20)[0-9]{2})", "(?P<V>[0-5][0-9])", "(?:W|w|KW|kw|CW|cw|WK|wk|Wk)"
_M1, _D1 = "(?P<m>0?[1-9]|1[0-2])", "(?P<d>0?[1-9]|[12][0-9]|3[01])"
_SHORT = "(?P<y>[0-9]{2})"
_MONTH = rf"(?:(?P<b>{DIRECTIVES['b']})(?![A-Za-z])|(?P<B>{DIRECTIVES['B']}))"
_NO_LETTER = "(?<![A-Za-z])"
_SIGN = "(?P<sign>[-_. /])"
_CLOCK = r"(?=(?:(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){0,2})(?![0-9]))"
_TIMESTAMP = _Form(re.compile(rf"(?<![0-9]){_Y}{_M}{_D}{_CLOCK}"), Grain.DAY)

# Of several forms that all names fit the first one counts.
_FORMS = (
    _form(f"year={_Y}/month={_M}/day={_D}", Grain.DAY),
    _form(f"{_Y}{_SIGN}{_M}(?P=sign){_D}", Grain.DAY),
    _form(f"{_G}[-_. ]?{_WEEK}[-_. ]?{_V}", Grain.WEEK),
    _Form(re.compile(f"{_WEEK}[-_. ]?{_V}[-_. /]{_G}(?![0-9])"), Grain.WEEK),
    _form(f"{_D}{_SIGN}{_M}(?P=sign){_Y}", Grain.DAY),
    _form(f"{_M}{_SIGN}{_D}(?P=sign){_Y}", Grain.DAY),
    _form(f"{_Y}{_M}{_D}", Grain.DAY),
    _TIMESTAMP,
    _form(f"{_D}{_M}{_Y}", Grain.DAY),
    _form(f"{_D}[-_. ]?{_MONTH}[-_. ]?{_Y}", Grain.DAY),
    _form(f"{_Y}[-_. ]?{_MONTH}[-_. ]?{_D}", Grain.DAY),
    _form(f"{_NO_LETTER}{_MONTH}[-_. ]?{_D}(?:,? |[-_.]){_Y}", Grain.DAY),
    _form(f"{_D1}[-_. ]?{_MONTH}[-_. ]?{_Y}", Grain.DAY, unpadded=True),
    _form(f"{_NO_LETTER}{_MONTH}[-_. ]?{_D1}(?:,? |[-_.]){_Y}", Grain.DAY, unpadded=True),
    _form(f"{_Y}{_SIGN}{_M1}(?P=sign){_D1}", Grain.DAY, unpadded=True),
    _form(f"{_D1}{_SIGN}{_M1}(?P=sign){_Y}", Grain.DAY, unpadded=True),
    _form(f"{_M1}{_SIGN}{_D1}(?P=sign){_Y}", Grain.DAY, unpadded=True),
    _form(f"{_Y}[-_. /]{_M}", Grain.MONTH),
    _form(f"{_NO_LETTER}{_MONTH}[-_. ]?{_Y}", Grain.MONTH),
    _form(f"{_Y}[-_. ]?{_MONTH}", Grain.MONTH),
    _form(f"{_NO_LETTER}{_MONTH}[-_. ]?{_SHORT}", Grain.MONTH),
    _form(f"{_M}[-_. /]{_Y}", Grain.MONTH),
    _form(f"{_Y}{_M}", Grain.MONTH),
    _form(f"{_SHORT}{_SIGN}{_M}(?P=sign){_D}", Grain.DAY),
    _form(f"{_D}{_SIGN}{_M}(?P=sign){_SHORT}", Grain.DAY),
    _form(f"{_SHORT}{_M}{_D}", Grain.DAY),
    _form(f"{_D}{_M}{_SHORT}", Grain.DAY),
    _form(_Y, Grain.YEAR),
)

_MARK, _ANOTHER = "\0", "\1"
_ANY_FOLDERS = "\2"
_SIGNS = {_ANOTHER: "*", _ANY_FOLDERS: "**/"}
_MOST_LEFT_OUT = 0.2


@dataclass(frozen=True)
class _Dated:
    """Where one name has its date: the name around it, the format, and what it says."""

    around: str
    strptime: str
    day: date


def naming_of(keys: Sequence[str]) -> Naming:
    """Find the pattern that a table's files are named by.

    Args:
        keys: The files' paths below the staging area, with `/`, each once.
    """
    readings = [found for form in _FORMS for found in _readings(form, keys)]
    if not readings:
        return _without_date(keys)
    most = max(len(dated) for _, dated in readings)
    # As many names as possible, then dates that differ from file to file, then the order of the forms.
    grain, dated = max(readings, key=lambda one: (len(one[1]), min(_distinct(one[1]), 2)))
    pattern, parts = _pattern({key: one.around for key, one in dated.items()}, _strptime(dated))
    if len(compile_pattern(pattern).directives) == 0:
        return _without_date(keys)
    also = next(
        (
            _strptime(other)
            for _, other in readings
            if len(other) == most
            and _distinct(other) >= min(_distinct(dated), 2)
            and {key: one.around for key, one in other.items()} == {k: one.around for k, one in dated.items()}
            and [one.day for one in other.values()] != [one.day for one in dated.values()]
        ),
        "",
    )
    left_out = tuple(key for key in keys if key not in dated)
    return Naming(pattern, grain, {key: one.day for key, one in dated.items()}, parts, left_out, also)


def _strptime(dated: dict[str, _Dated]) -> str:
    return next(iter(dated.values())).strptime


def _distinct(dated: dict[str, _Dated]) -> int:
    return len({one.day for one in dated.values()})


def _readings(form: _Form, keys: Sequence[str]) -> Iterator[tuple[Grain, dict[str, _Dated]]]:
    """Every place in the names where this form may be the date of all of them, or of nearly all."""
    found = {key: _occurrences(form, key) for key in keys}
    for place in range(max(map(len, found.values()))):
        dated = {key: places[place] for key, places in found.items() if len(places) > place}
        formats = Counter(one.strptime for one in dated.values())
        common = formats.most_common(1)[0][0]
        dated = {key: one for key, one in dated.items() if one.strptime == common}
        if form.grain is Grain.YEAR and _distinct(dated) < len(dated):
            continue  # what differs tells more than the year does, in a way that is not known here
        if len(dated) >= (1 - _MOST_LEFT_OUT) * len(keys):
            yield form.grain, dated


def _occurrences(form: _Form, key: str) -> list[_Dated]:
    """The dates of this form in a name: those in the file's own name first, then those in its folders."""
    name_starts = key.rfind("/") + 1
    matches = sorted(form.expression.finditer(key), key=lambda one: one.end() <= name_starts)
    return [dated for one in matches if (dated := _dated(key, one, matches, form)) is not None]


def _dated(key: str, match: re.Match[str], matches: Sequence[re.Match[str]], form: _Form) -> _Dated | None:
    values = {name: text for name, text in match.groupdict().items() if name != "sign" and text}
    spans = sorted((match.span(name), name) for name in values)
    strptime, position = "", match.start()
    for (start, end), name in spans:
        padding = "-" if form.unpadded and name in "dm" else ""
        strptime += key[position:start] + f"%{padding}{name}"
        position = end
    strptime += key[position : match.end()]
    day = _day(values)
    if day is None or "{" in strptime or "}" in strptime:
        return None
    around = key
    for one in sorted(matches, key=lambda one: -one.start()):
        # A second date, such as the end of a week, says nothing new.
        around = around[: one.start()] + (_MARK if one is match else _ANOTHER) + around[one.end() :]
    folders, _, name = around.rpartition("/")
    if _MARK in name and re.search(f"(^|[/=])([0-9]+|{_ANOTHER})(/|$)", folders):
        # Folders by year and month tell nothing that the name does not tell.
        around = _ANY_FOLDERS + name
    return _Dated(around, strptime, day)


def _day(values: dict[str, str]) -> date | None:
    try:
        if "V" in values:
            return date.fromisocalendar(int(values["G"]), int(values["V"]), 1)
        directives = sorted(values)
        text = " ".join(values[name] for name in directives)
        return datetime.strptime(text, " ".join(f"%{name}" for name in directives)).date()
    except ValueError:
        return None


def _without_date(keys: Sequence[str]) -> Naming:
    pattern, parts = _pattern({key: key for key in keys}, "")
    return Naming(pattern, None, {}, parts)


# -- what differs beside the date ---------------------------------------------------------------------

_SEPARATORS = rf"-_. /(){_MARK}{_ANOTHER}{_ANY_FOLDERS}"
_TOKENS = re.compile(f"[{_SEPARATORS}]|[^{_SEPARATORS}]+")


def _pattern(around: dict[str, str], strptime: str) -> tuple[str, dict[str, str]]:
    """The pattern of names that hold a date at the mark, and what each has where it says `{part}`."""
    split = {key: _TOKENS.findall(text) for key, text in around.items()}
    texts = list(split.values())
    head = _common(texts)
    tail = _common([tokens[head:][::-1] for tokens in texts])
    middles = {key: tokens[head : len(tokens) - tail] for key, tokens in split.items()}
    start, end = texts[0][:head], texts[0][len(texts[0]) - tail :]
    parts: dict[str, str] = {}
    if not any(middles.values()):
        middle: list[str] = []
    elif any(_MARK in tokens for tokens in middles.values()):
        middle, parts = _around_mark(middles)
    elif any("/" in tokens for tokens in middles.values()):
        start, middle = _folders(start)
    else:
        middle, parts = ["{part}"], {key: "".join(tokens) for key, tokens in middles.items()}
    period = "{period:" + strptime + "}"
    literal = ("{part}", "*", "**/")
    tokens = [
        period if token == _MARK else token if token in literal else _SIGNS.get(token) or _literal(token)
        for token in [*start, *middle, *end]
    ]
    if any(not part for part in parts.values()):
        # A part of no length has no name.
        return "".join("*" if token == "{part}" else token for token in tokens), {}
    return "".join(tokens), parts


def _common(texts: Sequence[Sequence[str]]) -> int:
    """How many tokens at the beginning are the same in all of them."""
    count = 0
    for column in zip(*texts, strict=False):
        if len(set(column)) > 1:
            break
        count += 1
    return count


def _around_mark(middles: dict[str, list[str]]) -> tuple[list[str], dict[str, str]]:
    """What differs stands on both sides of the date: the side with fewer different texts is the part."""
    before = {key: tokens[: tokens.index(_MARK)] for key, tokens in middles.items()}
    after = {key: tokens[tokens.index(_MARK) + 1 :] for key, tokens in middles.items()}
    near = _common([tokens[::-1] for tokens in before.values()])
    far = _common(list(after.values()))
    some = next(iter(middles))
    left, right = before[some][len(before[some]) - near :], after[some][:far]
    firsts = {key: "".join(tokens[: len(tokens) - near]) for key, tokens in before.items()}
    lasts = {key: "".join(tokens[far:]) for key, tokens in after.items()}
    if any("/" in text for text in firsts.values()):
        return ["**/", "*", *left, _MARK, *right, "*"], {}
    if 1 < len({*firsts.values()}) <= len({*lasts.values()}) or len({*lasts.values()}) == 1:
        return ["{part}", *left, _MARK, *right, _same_or_any(lasts)], firsts
    return [_same_or_any(firsts), *left, _MARK, *right, "{part}"], lasts


def _same_or_any(texts: dict[str, str]) -> str:
    return next(iter(texts.values())) if len({*texts.values()}) == 1 else "*"


def _folders(start: list[str]) -> tuple[list[str], list[str]]:
    """Folders of different depth differ: any folders, and any beginning of the name."""
    last = max((n + 1 for n, token in enumerate(start) if token == "/"), default=0)
    return start[:last], ["**/", "*"]


def _literal(token: str) -> str:
    # These have a meaning in patterns, and no way to be written otherwise.
    return re.sub(r"[{}*]+", "*", token)
