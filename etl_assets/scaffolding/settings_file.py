"""The YAML of a dataset: files, calendar, tolerances; what is unsure is said, with the alternative."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel

from etl_assets.inspection.given_names import is_unnamed
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.rhythm import Rhythm
from etl_assets.scaffolding.code import comment
from etl_assets.scaffolding.drafts import TableDraft
from etl_assets.staging.calendar import Calendar
from etl_assets.staging.source import Mode, PeriodFrom

WIDTH = 110
_LONG_AGO = timedelta(days=100)
TOLERANCE = 0.05
"""What is tolerated unless something else is said."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_WORDS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}


def settings_file(
    description: str,
    tables: Sequence[TableDraft],
    rhythm: Rhythm | None,
    calendar: Calendar,
    tolerance: float,
    *,
    last: date | None = None,
    zone_assumed: bool = True,
) -> str:
    """The text of `config/datasets/<name>.yaml`.

    Args:
        description: A sentence for the people who operate it.
        tables: The tables with a source each.
        rhythm: When their periods begin; None where no table has any.
        calendar: The calendar made of it.
        tolerance: The share of a partition's rows that may be refused.
        last: The last day that a file's name tells.
        zone_assumed: Whether nobody said which timezone it is.
    """
    lines = [f"description: {scalar(description)}", "", "sources:"]
    for table in tables:
        lines += _source(table)
    lines += [
        "",
        "calendar:",
        *_calendar(rhythm, calendar, last, zone_assumed),
        "",
        "tolerances:",
        *_tolerance(tables, tolerance),
    ]
    return "\n".join(lines) + "\n"


def scalar(value: object) -> str:
    """A value in YAML; text is quoted unless it is a plain word, and nothing in it is invisible."""
    if isinstance(value, Enum):
        value = value.value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(scalar, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {scalar(item)}" for key, item in value.items()) + "}"
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    if sign.isprintable():
        return sign
    number = ord(sign)
    return (
        f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65_536 else f"\\U{number:08x}"
    )


# -- sources ------------------------------------------------------------------------------------------


def _source(table: TableDraft) -> Iterator[str]:
    source = table.material.layout.source
    yield f"  {scalar(table.name)}:"
    for doubt in table.material.doubts:
        yield from comment(doubt, indent=4, width=WIDTH)
    proposals = list(table.material.layout.proposals)
    yield from _told(proposals, "pattern", indent=4)
    yield f"    pattern: {scalar(source.pattern)}"
    yield from _format(table)
    if source.period_from is not PeriodFrom.FILENAME:
        yield from _told(proposals, "period_from", indent=4)
        yield f"    period_from: {scalar(source.period_from)}"
        yield f"    period_column: {scalar(source.period_column)}"
        yield f"    period_format: {scalar(source.period_format)}"
    else:
        yield from _told(proposals, "period_from", indent=4)
    yield from _told(proposals, "period_column", indent=4, only_unsure=True)
    if source.files_per_period != "one":
        yield from _told(proposals, "files_per_period", indent=4)
        yield f"    files_per_period: {scalar(source.files_per_period)}"
    else:
        yield from _told(proposals, "files_per_period", indent=4, only_unsure=True)
    if source.mode is not Mode.INCREMENT:
        yield from _told(proposals, "mode", indent=4)
        yield f"    mode: {scalar(source.mode)}"


def _format(table: TableDraft) -> Iterator[str]:
    format = table.material.format
    said = {"type": format.type, **_changed(format)}
    some = next(iter(table.material.files.values()))
    unsure = [one for one in some.proposals if one.certainty is Certainty.UNSURE]
    for one in unsure:
        yield from comment(_sentence(one), indent=4, width=WIDTH)
    if is_unnamed(format):
        told = (
            "unsure: columns: no line names them, so that their places do; dq new --columns a,b,c names them"
        )
        yield from comment(told, indent=4, width=WIDTH)
    flat = f"    format: {scalar(said)}"
    if len(flat) <= WIDTH:
        yield flat
        return
    yield "    format:"
    for key, value in said.items():
        yield from _entry(key, value, indent=6)


def _changed(format: BaseModel) -> dict[str, Any]:
    """Only what is not the default, in plain values."""
    values = format.model_dump(mode="json", exclude_defaults=True, exclude={"type"})
    return {key: value for key, value in values.items() if value != {} and value != []}


def _entry(key: str, value: object, indent: int) -> Iterator[str]:
    flat = f"{' ' * indent}{scalar(key)}: {scalar(value)}"
    if len(flat) <= WIDTH or not isinstance(value, list | Mapping):
        yield flat
    elif isinstance(value, list):
        yield f"{' ' * indent}{scalar(key)}:"
        yield from (f"{' ' * indent}  - {scalar(item)}" for item in value)
    else:
        yield f"{' ' * indent}{scalar(key)}:"
        for name, item in value.items():
            yield from _entry(str(name), item, indent + 2)


# -- calendar -----------------------------------------------------------------------------------------


def _calendar(rhythm: Rhythm | None, calendar: Calendar, last: date | None, assumed: bool) -> Iterator[str]:
    proposals = list(rhythm.proposals) if rhythm else []
    if rhythm is None:
        told = "No table has periods, so that this says only when the dataset began."
        yield from comment(told, indent=2, width=WIDTH)
    yield from _told(proposals, "calendar.cron", indent=2)
    yield f"  cron: {scalar(calendar.cron)}"
    if assumed:
        told = "unsure: the timezone of the machine on which this was drafted"
        yield from comment(told, indent=2, width=WIDTH)
    yield f"  timezone: {scalar(calendar.timezone)}"
    yield f"  start: {calendar.start}"
    if rhythm is not None and last is not None and date.today() - last > _LONG_AGO:
        told = f"unsure: the files end long ago; without the line `end: {last}` what was due since is missing"
        yield from comment(told, indent=2, width=WIDTH)
    if calendar.key_format != "%Y-%m-%d":
        yield f"  key_format: {scalar(calendar.key_format)}"
    yield from _told(proposals, "calendar.closed.dates", indent=2)
    yield from _told(proposals, "calendar.closed.weekdays", indent=2)
    if calendar.closed.weekdays:
        yield "  closed:"
        yield f"    weekdays: {scalar(list(map(str, calendar.closed.weekdays)))}"


def _tolerance(tables: Sequence[TableDraft], tolerance: float) -> Iterator[str]:
    share, file = max((one.worst for one in tables), default=(0.0, ""))
    if file and share:
        told = f"of the rows looked at of {file}, the worst of the files, {share:.1%} break a rule"
        if tolerance > TOLERANCE:
            told = (
                f"unsure: {told}; so much is tolerated that one a little worse passes: can a rule give way?"
            )
        yield from comment(told, indent=2, width=WIDTH)
    yield f"  default: {tolerance:g}"


# -- evidence -----------------------------------------------------------------------------------------


def _told(
    proposals: Sequence[Proposal], aspect: str, *, indent: int, only_unsure: bool = False
) -> Iterator[str]:
    for one in proposals:
        if one.aspect == aspect and (one.certainty is Certainty.UNSURE or not only_unsure):
            yield from comment(_sentence(one), indent=indent, width=WIDTH)


def _sentence(proposal: Proposal) -> str:
    """What speaks for a proposal, and what else it could be."""
    unsure = proposal.certainty is Certainty.UNSURE
    others = " or ".join(
        scalar(list(other)) if isinstance(other, tuple) else str(other) for other in proposal.alternatives
    )
    told = f"{proposal.aspect.rpartition('.')[2]}: {proposal.evidence}" if unsure else proposal.evidence
    return f"{'unsure: ' if unsure else ''}{told}" + (f"; else {others}" if unsure and others else "")
