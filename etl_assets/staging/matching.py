"""Which table, period and part a staged object's key names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from etl_assets.staging.source import PeriodFrom, Source, compile_pattern


@dataclass(frozen=True)
class Match:
    """The key belongs to one table.

    Attributes:
        table: Name of the table, as in the dataset's `sources`.
        period: Key of the period that the name gives; None when the name does not give it. It may
            be a period that the calendar does not have: ask `Calendar.why_not`.
        part: What stands for `{part}`.
    """

    table: str
    period: str | None
    part: str | None


@dataclass(frozen=True)
class Unmatched:
    """The key belongs to no table; `reason` says how near it came."""

    reason: str


@dataclass(frozen=True)
class Ambiguous:
    """The key fits the patterns of several tables."""

    tables: tuple[str, ...]


def match(
    key: str, sources: Mapping[str, Source], *, key_format: str = "%Y-%m-%d"
) -> Match | Unmatched | Ambiguous:
    """Return the one table that a key belongs to, or why there is none.

    Args:
        key: Path below the staging area, with `/`.
        sources: Table name -> source.
        key_format: The calendar's format of a period's key.
    """
    found: list[Match] = []
    near: list[str] = []
    for table, source in sources.items():
        if source.query is not None:
            continue
        pattern = compile_pattern(source.pattern)
        hit = pattern.expression.fullmatch(key)
        if hit is None:
            continue
        try:
            moment = pattern.moment(hit)
            pattern.version(hit)
        except ValueError:
            near.append(f"it looks like {source.pattern} of {table}, but holds no valid date")
            continue
        part = hit.groupdict().get("part")
        if isinstance(source.files_per_period, tuple) and part not in source.files_per_period:
            near.append(f"{part!r} is not one of the parts of {table}: {', '.join(source.files_per_period)}")
            continue
        from_name = moment is not None and source.period_from is PeriodFrom.FILENAME
        found.append(Match(table, moment.strftime(key_format) if moment and from_name else None, part))
    if len(found) > 1:
        return Ambiguous(tuple(sorted(hit.table for hit in found)))
    if found:
        return found[0]
    return Unmatched("; ".join(near) or "its name fits no table's pattern")
