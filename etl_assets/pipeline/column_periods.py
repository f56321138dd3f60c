"""Periods that are written in the rows themselves (`period_from: column`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from etl_assets.contracts.dataset import TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.errors import StagingError
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.scratch import intake_scratch
from etl_assets.staging.area import StagingFolder
from etl_assets.staging.content import Content
from etl_assets.staging.delivery_file import DeliveryFile
from etl_assets.staging.readers import read_delivery
from etl_assets.staging.source import EPOCHS, PeriodFrom, Source

NO_PERIOD = "period_unknown"
"""Reason of bronze rows whose period column names no period of the calendar."""

_BEFORE_ALL = -(2**62)
_YEAR_9999 = 253_370_764_800_000_000
"""Microseconds; what is beyond is no moment."""


HORIZON = timedelta(days=366)
"""Rows may name periods that begin so much later than now: these wait until they have begun."""


def period_expression(pipeline: DatasetPipeline, table: TableId, dtype: pl.DataType) -> pl.Expr:
    """The partition key (String) of each row of a source that is partitioned by a column; null for none.

    Args:
        pipeline: The dataset.
        table: The bronze table.
        dtype: Of the period column: text in the source's format, or a Date or Datetime.

    Raises:
        StagingError: It is neither, and the source does not say how it is written.
    """
    moment = _moment(pipeline, table, dtype)
    periods = [period for period in _known(pipeline) if pipeline.calendar.why_not(period[0]) is None]
    edges = np.array(sorted({_micros(edge) for _, start, end in periods for edge in (start, end)}), np.int64)
    by_start = {_micros(start): key for key, start, _ in periods}
    # Between two edges lies a period, or a gap such as a closed day; beyond the first and last, nothing.
    names = pl.Series([None, *(by_start.get(int(edge)) for edge in edges)], dtype=pl.String)

    def key_of(moments: pl.Series) -> pl.Series:
        places = np.searchsorted(edges, moments.fill_null(_BEFORE_ALL).to_numpy(), side="right")
        return names.gather(places).alias(moments.name)

    return moment.dt.timestamp("us").map_batches(key_of, return_dtype=pl.String, is_elementwise=True)


def _moment(pipeline: DatasetPipeline, table: TableId, dtype: pl.DataType) -> pl.Expr:
    """The local time that the period column holds, without a timezone."""
    source = pipeline.sources[table.name]
    column = pl.col(source.period_column or "")
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        local = column.dt.convert_time_zone(pipeline.calendar.timezone)
        return local.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    if isinstance(dtype, pl.Date | pl.Datetime):
        return column.cast(pl.Datetime("us"), strict=False)
    if source.period_format is None:
        raise StagingError(
            f"the period column {source.period_column} holds {dtype}, no dates",
            where={"dataset": pipeline.name, "table": str(table)},
            hint="say with period_format how they are written, such as %Y-%m-%d",
        )
    if (micros := EPOCHS.get(source.period_format)) is not None:
        number = column.cast(pl.Float64, strict=False) * micros
        instant = pl.when(number.abs() < _YEAR_9999).then(number).cast(pl.Int64, strict=False)
        moment = instant.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(pipeline.calendar.timezone)
        return moment.dt.replace_time_zone(None)
    return column.cast(pl.String).str.to_datetime(source.period_format, time_unit="us", strict=False)


def _known(pipeline: DatasetPipeline) -> list[tuple[str, datetime, datetime]]:
    # Rows hold local times of the calendar's timezone.
    return [
        (one.key, one.start.replace(tzinfo=None), one.end.replace(tzinfo=None))
        for one in pipeline.calendar.periods(pipeline.now() + HORIZON)
    ]


def _micros(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000


def periods_by(pipeline: DatasetPipeline, source: Source) -> str:
    """Return what changes when a source's deliveries have to be asked for their periods anew.

    "" where their names say it: a name is matched at every look.
    """
    if source.period_from is PeriodFrom.FILENAME:
        return ""
    if source.period_from is PeriodFrom.ARRIVAL:
        return source.period_from.value  # a file arrives once, whatever the calendar says later
    calendar = pipeline.calendar.model_dump(mode="json", exclude={"due_after_hours"})
    return digest(source.period_from, source.period_column, source.period_format, calendar)[:16]


def periods_in_column(
    pipeline: DatasetPipeline,
    table: TableId,
    folder: StagingFolder,
    key: str,
    delivery_id: str,
    content: Content,
) -> tuple[str, ...]:
    """The partition keys that a delivery has rows of, in order; a file without any has the period it came in.

    A delivery that can't be read is given to the period in which it arrived, so that its gate can say so.
    """
    staged = folder.stat(key)
    file = DeliveryFile(folder, key, delivery_id, content, staged.fingerprint)
    columns = [name for name in pipeline.contract(table).schema if name not in PROVENANCE]
    with intake_scratch(pipeline.scratch, pipeline.name) as scratch:
        reading = read_delivery(file, pipeline.sources[table.name], columns, scratch)
        found: list[str] = []
        if reading.breach is None and reading.rows:
            dtype = reading.frame.collect_schema()[pipeline.sources[table.name].period_column or ""]
            keys = reading.frame.select(key=period_expression(pipeline, table, dtype)).unique().drop_nulls()
            found = sorted(keys.collect(engine="streaming")["key"].to_list())
    if found:
        return tuple(found)
    arrived = pipeline.calendar.period_of(datetime.fromtimestamp(staged.modified_ns / 1e9, UTC))
    last = pipeline.calendar.periods(pipeline.now())[-1:]
    return (arrived.key,) if arrived else tuple(period.key for period in last)
