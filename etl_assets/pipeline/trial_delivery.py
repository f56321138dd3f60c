"""Takes any file for a delivery of a dataset, for a trial: of which table, and of which period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.errors import StagingError
from etl_assets.ledger.records import Delivery
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.holds import outside_calendar
from etl_assets.pipeline.intake import new_delivery
from etl_assets.staging.area import StagingFolder
from etl_assets.staging.breaches import BreachCode, find_breach
from etl_assets.staging.examination import examine
from etl_assets.staging.matching import Ambiguous, Match, Unmatched, match
from etl_assets.staging.source import PeriodFrom


class UnknownTableError(StagingError):
    """Nothing says which table the file is for."""


@dataclass(frozen=True)
class Taken:
    """A file as a delivery.

    Attributes:
        period_known: False if nothing says of which period it is: one is assumed then.
        remarks: What had to be assumed.
        on_hold: Why a run would put the delivery on hold; "" if it would not.
    """

    delivery: Delivery
    period_known: bool
    remarks: Sequence[str]
    on_hold: str


def take_file(
    pipeline: DatasetPipeline, path: Path, *, table: str | None = None, period: str | None = None
) -> Taken:
    """Take a file for a delivery, as intake would if it lay in the staging area.

    Args:
        pipeline: The dataset, whose staging area is the file's folder.
        path: The file.
        table: The bronze table; by default by the file's name, else by its header.
        period: The partition key; by default by the file's name, else the last one that has begun.

    Raises:
        UnknownTableError: Neither name nor header tells the table.
        StagingError: The file can't be read.
    """
    remarks: list[str] = []
    matched = _by_name(pipeline, path, table)
    if table is None and isinstance(matched, Match):
        table = matched.table
    elif table is None and not isinstance(matched, Match):
        table = _by_header(pipeline, path, matched)
        remarks.append(f"the file's name does not tell the table; by its header it is for {table}")
    assert table is not None
    source = pipeline.sources[table]
    named = matched if isinstance(matched, Match) and matched.table == table else Match(table, None, None)
    in_name = source.partitioned and source.period_from is PeriodFrom.FILENAME
    if in_name and period is None and named.period is None:
        assumed = _last_period(pipeline)
        remarks.append(f"the file's name gives no partition: {assumed} is assumed")
        matched, known = replace(named, period=assumed), False
    else:
        matched, known = replace(named, period=period or named.period), True
    content = examine(path, source.format)
    folder = StagingFolder(path.parent)
    delivery = new_delivery(pipeline, folder, folder.stat(path.name), matched, content, {})
    on_hold = outside_calendar(pipeline, delivery)
    return Taken(delivery, known and not on_hold, remarks, on_hold)


def _by_name(pipeline: DatasetPipeline, path: Path, table: str | None) -> Match | Unmatched | Ambiguous:
    """Match as much of the path as fits a pattern: a pattern may speak of folders too."""
    sources = {name: one for name, one in pipeline.sources.items() if table in (None, name)}
    found: Match | Unmatched | Ambiguous = Unmatched("")
    for count in range(1, len(path.parts)):
        key = "/".join(path.parts[-count:])
        found = match(key, sources, key_format=pipeline.calendar.key_format)
        if not isinstance(found, Unmatched):
            return found
    return found


def _by_header(pipeline: DatasetPipeline, path: Path, matched: Unmatched | Ambiguous) -> str:
    among = matched.tables if isinstance(matched, Ambiguous) else tuple(pipeline.sources)
    if len(among) == 1:
        return among[0]
    fitting = [table for table in among if _has_header(pipeline, path, table)]
    if len(fitting) == 1:
        return fitting[0]
    told = f"the headers of {', '.join(fitting)} fit alike" if fitting else "no table has this header"
    raise UnknownTableError(
        f"Nothing says which table the file is for: {told}",
        where={"file": path.name},
        hint=f"Say which: --table {' or '.join(among)}",
    )


def _has_header(pipeline: DatasetPipeline, path: Path, table: str) -> bool:
    source = pipeline.sources[table]
    columns = [
        name for name in pipeline.contract(TableId(Layer.BRONZE, table)).schema if name not in PROVENANCE
    ]
    breach = find_breach(examine(path, source.format), source, columns)
    # A file of another format says nothing of its header.
    no_header = (BreachCode.HEADER, BreachCode.SEPARATOR, BreachCode.DAMAGED, BreachCode.FORMAT)
    return breach is None or breach.code not in no_header


def _last_period(pipeline: DatasetPipeline) -> str:
    begun = pipeline.calendar.periods(pipeline.now())
    if not begun:
        raise UnknownTableError(
            "The file's name gives no partition, and none has begun by the calendar",
            hint="Say: --partition KEY",
        )
    return begun[-1].key
