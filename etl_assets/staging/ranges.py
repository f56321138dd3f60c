"""Where in an area's keys new objects are expected: read off the patterns of sources."""

from __future__ import annotations

import re
from datetime import date

from etl_assets.staging.area import KeyRange
from etl_assets.staging.source import Source

# Keys sort as their dates do as long as each directive is the next finer one.
_NEXT = {"": "YyG", "Y": "mj", "y": "mj", "G": "V", "m": "d", "d": "H", "j": "H", "H": "M", "M": "S"}
_TOKEN = re.compile(r"\*\*/|\*|\{part\}|\{version:[^{}]+\}|\{period:(?P<format>[^{}]+)\}")


def expected_range(source: Source, since: date) -> KeyRange | None:
    """Return the keys of a source from a day on, None where its pattern does not order them.

    A pattern whose period comes first, year before month before day, does; of a source without periods,
    such as a reference list, it is all that begins as the pattern does.
    """
    if source.query is not None:
        return None
    prefix = _TOKEN.split(source.pattern)[0]
    if "{period:" not in source.pattern:
        return None if source.partitioned or not prefix else KeyRange(prefix)
    after = _rendered(source.pattern, since)
    return KeyRange(prefix, after) if len(after) > len(prefix) else None


def _rendered(pattern: str, day: date) -> str:
    """The pattern's beginning with a day put in, up to where keys are no longer in the order of days."""
    out, position, finest, dated = "", 0, "", ""
    said: set[str] = set()
    for token in _TOKEN.finditer(pattern):
        out += pattern[position : token.start()]
        position = token.end()
        if token["format"] is None:
            break
        for literal, directive in re.findall(r"([^%]*)(?:%(.))?", token["format"]):
            out += literal
            if not directive:
                continue
            if directive not in said:
                if directive not in _NEXT.get(finest, ""):
                    return dated
                finest = directive
                said.add(directive)
            out += day.strftime(f"%{directive}")
            dated = out
    return dated
