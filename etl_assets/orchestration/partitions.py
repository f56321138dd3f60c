"""Calendars as Dagster partitions, and table names as asset keys."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from etl_assets.contracts.dataset import TableId
from etl_assets.staging.calendar import Calendar


def partitions_of(calendar: Calendar) -> dg.TimeWindowPartitionsDefinition:
    """The calendar's periods as partitions, the one that runs now included: files often come on their day."""
    end = calendar.partition_arguments()["end"]
    running = end is None or calendar.period_of(datetime.now(UTC)) is not None
    return dg.TimeWindowPartitionsDefinition(**calendar.partition_arguments(), end_offset=1 if running else 0)


def asset_key(dataset: str, table: TableId) -> dg.AssetKey:
    """`[dataset, layer, table]`."""
    # Plain text: Dagster can't serialise our enum.
    return dg.AssetKey([dataset, str(table.layer), table.name])
