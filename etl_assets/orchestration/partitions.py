"""Calendars as Dagster partitions, and table names as asset keys."""

from __future__ import annotations

import dagster as dg

from etl_assets.contracts.dataset import TableId
from etl_assets.staging.calendar import Calendar


def partitions_of(calendar: Calendar) -> dg.TimeWindowPartitionsDefinition:
    """The calendar's periods as partitions, the running one included: files often come on their day.

    The offset never leads past the calendar's end. On a closed day the next open one shows already.
    """
    return dg.TimeWindowPartitionsDefinition(**calendar.partition_arguments(), end_offset=1)


def asset_key(dataset: str, table: TableId) -> dg.AssetKey:
    """`[dataset, layer, table]`."""
    # Plain text: Dagster can't serialise our enum.
    return dg.AssetKey([dataset, str(table.layer), table.name])


def publication_key(dataset: str, name: str) -> dg.AssetKey:
    """`[dataset, "publications", name]`."""
    return dg.AssetKey([dataset, "publications", name])
