"""How a table is delivered: what its files' names and contents say of pattern, periods and calendar."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from etl_assets.inspection.common_format import common_format
from etl_assets.inspection.file_contents import (
    bulk,
    common_key,
    date_columns,
    days_in,
    grows,
    same_keys,
    share_within,
    told_again,
)
from etl_assets.inspection.file_names import Grain, Naming, naming_of
from etl_assets.inspection.records import Certainty, Column, Inspection, Proposal
from etl_assets.inspection.rhythm import Rhythm, rhythm_of, rhythm_of_span
from etl_assets.inspection.row_dates import RowDates, dates_of_rows, written_in_several_ways
from etl_assets.inspection.wording import counted
from etl_assets.staging.source import Mode, PeriodFrom, Source

FilesPerPeriod = Literal["one", "many"] | tuple[str, ...]

_WHOLE = 0.9
"""Share of a file's rows, or keys, that the next one has as well where each file is the whole list."""
_INSIDE = 0.95
"""Share of a column's dates in their file's period for the column to be the one that the period means."""
_MOST_PARTS = 50


@dataclass(frozen=True)
class Layout:
    """How a table is delivered.

    Attributes:
        source: Pattern, period and mode, with the format of the files.
        rhythm: When its periods begin; None for a table as a whole.
        proposals: The same, aspect by aspect, with evidence, certainty and alternatives.
        period_column: The column whose dates lie in the period of their file; None if there is none.
        all_inside: Whether all of its dates do.
        period_formats: How its dates are written; of formats that can't be told apart by the cells alone
            the one that the files' names speak for.
        dates: Key -> the day that its name tells.
        left_out: Keys of files that are named otherwise.
        ordered: The keys of the files that were looked at, oldest first.
        last_day: The last day that the rows tell where the names tell none.
    """

    source: Source
    rhythm: Rhythm | None
    proposals: tuple[Proposal, ...]
    period_column: str | None = None
    all_inside: bool = False
    period_formats: tuple[str, ...] = ()
    dates: Mapping[str, date] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    last_day: date | None = None


def propose_layout(files: Mapping[str, Inspection], keys: Iterable[str] = ()) -> Layout:
    """Propose how the files of one table are delivered.

    Args:
        files: Key below the staging area -> what the file looks like; all with the same columns.
        keys: Keys of further files, of which only the names are looked at.
    """
    naming = naming_of(sorted({*files, *keys}))
    seen_keys = [key for key in sorted(files) if key not in naming.left_out]
    ordered = sorted(seen_keys, key=lambda key: (_made(files[key]), key))
    if naming.dates:
        ordered = sorted(seen_keys, key=lambda key: (naming.dates[key], naming.parts.get(key, ""), key))
    seen = [files[key] for key in ordered]
    layout = _dated(naming, files, ordered) if naming.dates else None
    inside = layout is not None and layout.period_column is not None
    if not inside and (whole := _whole_lists(naming, seen)) is not None:
        layout = whole
    if layout is None:
        layout = _undated(naming, seen)
    format_, _ = common_format(seen)
    layout = dataclasses.replace(layout, source=layout.source.model_copy(update={"format": format_}))
    return dataclasses.replace(layout, dates=naming.dates, left_out=naming.left_out, ordered=tuple(ordered))


def _made(inspection: Inspection) -> int:
    try:
        return inspection.path.stat().st_mtime_ns
    except OSError:
        return 0


# -- each file is the whole list ---------------------------------------------------------------------


def _whole_lists(naming: Naming, files: Sequence[Inspection]) -> Layout | None:
    """A snapshot or a cumulative export, of which the newest file alone counts."""
    again = told_again(files)
    key = common_key(files) if len(files) > 1 else None
    # Files of many senders may tell of the same moments.
    dated = any(map(date_columns, files)) or dates_of_rows(files) is not None
    kept = same_keys(files, key) if key is not None and not dated else 0.0
    if again >= _WHOLE:
        told = "each file holds the rows of the one before it"
        share = "all" if again == 1 else f"at least {again:.0%}"
        evidence = f"{told}: {share} of those looked at" + ("; they grow" if grows(files) else "")
        certainty = Certainty.SURE if again == 1 and len(files) > 2 else Certainty.LIKELY
    elif kept >= _WHOLE:
        share = "all" if kept == 1 else f"at least {kept:.0%} of the"
        evidence = f"{share} values of {key} are in the next file too"
        certainty = Certainty.LIKELY
    else:
        return None
    # The date in the name tells which file is the newest: a copy made later is not.
    pattern = naming.pattern.replace("{period:", "{version:").replace("{part}", "*")
    if naming.dates:
        told = "of several files the one with the latest date in its name counts"
        alternatives = (naming.pattern.replace("{part}", "*"), *([naming.also] if naming.also else []))
        newest = Proposal(
            "pattern", pattern, Certainty.UNSURE if naming.also else Certainty.LIKELY, told, alternatives
        )
    else:
        told = "of several files the one changed last counts, whatever their names say"
        newest = Proposal("pattern", pattern, Certainty.UNSURE, told)
    return Layout(
        Source(pattern=pattern, format=files[0].format, mode=Mode.SNAPSHOT),
        None,
        (Proposal("mode", "snapshot", certainty, evidence, ("increment",)), newest),
    )


# -- a date in the name ------------------------------------------------------------------------------


def _dated(naming: Naming, files: Mapping[str, Inspection], ordered: Sequence[str]) -> Layout:
    per_day = Counter(naming.dates.values())
    days = sorted(per_day)
    proposals: list[Proposal] = []
    pattern, files_per_period = _slots(naming, proposals)
    rhythm = rhythm_of(days, naming.grain or Grain.DAY, crowded=max(per_day.values()) > 1)
    if len(days) == 1 and naming.grain is Grain.DAY:
        rhythm = _by_contents(files[ordered[0]], days[0]) or rhythm
    if rhythm.any_day:
        pattern = _any_day(pattern.replace("%-d", "%d"))
    certainty = Certainty.UNSURE if naming.also else Certainty.SURE
    told = f"the date is in the names of {counted(len(naming.dates), 'file')}"
    if naming.also:
        told = "days and months could be the other way round"
    proposals.insert(0, Proposal("pattern", pattern, certainty, told, (naming.also,) if naming.also else ()))
    proposals += rhythm.proposals
    column, share, shifted = _period_column(naming, files, ordered, rhythm)
    if column is not None:
        evidence = f"{share:.1%} of its dates lie in the period that their file is named by"
        proposals.append(Proposal("period_column", column.name, Certainty.LIKELY, evidence))
    elif shifted:
        proposals.append(Proposal("period_column", None, Certainty.UNSURE, shifted))
    return Layout(
        Source(pattern=pattern, format=files[ordered[0]].format, files_per_period=files_per_period),
        rhythm,
        tuple(proposals),
        column.name if column else None,
        share == 1.0,
        column.formats if column else (),
    )


def _slots(naming: Naming, proposals: list[Proposal]) -> tuple[str, FilesPerPeriod]:
    """The pattern, and how many files make a period."""
    by_day: dict[date, list[str]] = {}
    for key, day in naming.dates.items():
        by_day.setdefault(day, []).append(naming.parts.get(key, ""))
    most = max(map(len, by_day.values()))
    if most == 1:
        if not naming.parts:
            return naming.pattern, "one"
        told = "one file a period so far, whatever else is in its name"
        certainty = Certainty.LIKELY if len(by_day) > 4 else Certainty.UNSURE
        proposals.append(Proposal("files_per_period", "one", certainty, told, ("many",)))
        return naming.pattern.replace("{part}", "*"), "one"
    parts = {*naming.parts.values()}
    complete = len(parts) > 1 and all({*found} == parts and len(found) == most for found in by_day.values())
    if complete and not naming.parts_are_numbers and len(parts) <= _MOST_PARTS and len(by_day) > 2:
        told = f"each of {len(by_day):,} periods has the same {len(parts)} files"
        names = tuple(sorted(parts))
        proposals.append(Proposal("files_per_period", names, Certainty.LIKELY, told, ("many",)))
        return naming.pattern, names
    told = f"up to {most} files a period"
    alternatives = (tuple(sorted(parts)),) if complete and not naming.parts_are_numbers else ()
    proposals.append(Proposal("files_per_period", "many", Certainty.SURE, told, alternatives))
    return naming.pattern, "many"


def _any_day(pattern: str) -> str:
    """Monthly files that are named by a day: which day it is does not matter."""
    for with_day, without in (("-%d", "}-*"), ("_%d", "}_*"), (".%d", "}.*"), ("/%d", "}/*"), ("%d", "}*")):
        if with_day + "}" in pattern:
            return pattern.replace(with_day + "}", without)
    for with_day, without in (
        ("%d-", "*-{period:"),
        ("%d_", "*_{period:"),
        ("%d.", "*.{period:"),
        ("%d", "*{period:"),
    ):
        if "{period:" + with_day in pattern:
            return pattern.replace("{period:" + with_day, without)
    return pattern


def _by_contents(inspection: Inspection, day: date) -> Rhythm | None:
    """What one file's dates say of how long its period is."""
    for column in date_columns(inspection):
        found = bulk(days_in(inspection, column))
        if found is None or found[0] < day or found[1] == day:
            continue
        if found[1] < day + timedelta(days=7):
            return rhythm_of_span(day, 7, f"the dates of {column.name} lie in the week that begins then")
        if day.day == 1 and (found[1].year, found[1].month) == (day.year, day.month):
            return rhythm_of_span(day, 31, f"the dates of {column.name} lie in the month that begins then")
    return None


def _period_column(
    naming: Naming, files: Mapping[str, Inspection], ordered: Sequence[str], rhythm: Rhythm
) -> tuple[Column | None, float, str]:
    """The column whose dates lie in the period of their file; without one, whether they lie beside it."""
    best: tuple[float, Column] | None = None
    shifted = ""
    for column in _readings(date_columns(files[ordered[0]])):
        inside = before = count = cells = 0.0
        for key in ordered:
            days = days_in(files[key], column)
            first, after = rhythm.window(naming.dates[key])
            inside += share_within(days, first, after) * len(days)
            before += share_within(days, first - (after - first), first) * len(days)
            count += len(days)
            cells += files[key].column(column.name).filled
        share = inside / count if count else 0.0
        if count < _INSIDE * cells:
            continue  # most of its cells are written in another way
        if share >= _INSIDE and (best is None or share > best[0]):
            best = share, column
        elif before / count >= 0.8:
            shifted = (
                f"{before / count:.0%} of the dates of {column.name} lie in the period before the one that "
                "their file is named by: the name seems to be the day of the export"
            )
    return (best[1], best[0], "") if best else (None, 0.0, shifted)


def _readings(columns: Sequence[Column]) -> Iterator[Column]:
    """Each column, and where it is written in several ways, as if it were written in one of them."""
    for column in columns:
        yield column
        if len(column.formats) > 1:
            yield from (dataclasses.replace(column, formats=(form,)) for form in column.formats)


# -- no date in the name ------------------------------------------------------------------------------


def _undated(naming: Naming, files: Sequence[Inspection]) -> Layout:
    dates = dates_of_rows(files)
    if len(files) == 1:
        pattern = naming.pattern
        alternatives = (_by_column(dates),) if dates else ()
        told = "one file without a date in its name: the newest version is the whole table"
        certainty = Certainty.UNSURE if dates else Certainty.LIKELY
        return Layout(
            Source(pattern=pattern, format=files[0].format, mode=Mode.SNAPSHOT),
            None,
            (Proposal("mode", "snapshot", certainty, told, alternatives),),
        )
    if dates:
        days = (dates.last - dates.first).days + 1
        rhythm = rhythm_of_span(dates.first, days, f"the dates of {dates.column}", of_rows=True)
        told = f"the names hold no date; {dates.told}"
        certainty = Certainty.LIKELY if dates.dated == dates.rows and dates.is_date else Certainty.UNSURE
        return Layout(
            Source(
                pattern=naming.pattern,
                format=files[0].format,
                period_from=PeriodFrom.COLUMN,
                period_column=dates.column,
                period_format=dates.format,
                files_per_period="many",
            ),
            rhythm,
            (
                Proposal("period_from", "column", certainty, told, ("arrival",)),
                *rhythm.proposals,
            ),
            dates.column if dates.is_date else None,
            dates.dated == dates.rows,
            last_day=dates.last,
        )
    told = "neither names nor rows hold a date: the rows of all files make one table"
    if mixed := list(written_in_several_ways(files)):
        told = (
            f"the names hold no date, and {mixed[0]} is written in several ways, of which a period column "
            "has one: the rows of all files make one table"
        )
    return Layout(
        Source(pattern=naming.pattern, format=files[0].format, files_per_period="many"),
        None,
        (Proposal("period_from", "none", Certainty.UNSURE, told, ("arrival",)),),
    )


def _by_column(dates: RowDates) -> str:
    told = f"period_from: column, period_column: {dates.column}"
    return f"{told}, period_format: {dates.format}" if not dates.is_date else told
