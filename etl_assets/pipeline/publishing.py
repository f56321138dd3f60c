"""Writes one publication: what is published in the lake goes to the destination, then into the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from etl_assets.error_kinds import kind_of
from etl_assets.errors import EtlError, LakeError
from etl_assets.ledger.records import Lease, PartitionKey, Validation
from etl_assets.ledger.writing_records import Writing, WritingOutcome
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.faults import told, without_cells
from etl_assets.pipeline.publications import publication_state
from etl_assets.pipeline.scratch import attempt_prefix, hop_scratch
from etl_assets.pipeline.strays import strays
from etl_assets.publications.content import Content, Part, Written
from etl_assets.publications.opening import Publication


@dataclass(frozen=True)
class Published:
    """What came of writing a publication: rows of the table in the lake, and what is at the destination."""

    rows: int
    written: Written
    writing: Writing


def publish(pipeline: DatasetPipeline, name: str, *, run_id: str, lease: Lease) -> Published | None:
    """Write a publication as its table is published now; None if nothing of it is.

    Args:
        pipeline: The dataset.
        name: The publication.
        run_id: Dagster's run id.
        lease: The right to write the dataset's tables, and what is written out of them.

    Raises:
        EtlError: It could not be written; recorded, so that it is tried again later and not for ever.
    """
    work = _Publishing(pipeline, pipeline.publications[name], run_id, lease)
    if not work.parts:
        return None
    try:
        return work.run()
    except Exception as error:
        safe = without_cells(error, work.where, work.publication.shape.columns)
        work.record_failure(safe)
        if safe is error:
            raise
        raise safe from None


class _Publishing:
    """One attempt."""

    def __init__(
        self, pipeline: DatasetPipeline, publication: Publication, run_id: str, lease: Lease
    ) -> None:
        self.pipeline, self.publication, self.lease = pipeline, publication, lease
        self.run_id, self.started = run_id, pipeline.now()
        self.parts = _published(pipeline, publication)
        self.state = publication_state(
            publication, {period: one.state_id for period, one in self.parts.items()}
        )

    @property
    def where(self) -> dict[str, object]:
        """Of what an error speaks."""
        return {"dataset": self.pipeline.name, "publication": self.publication.name}

    def run(self) -> Published:
        """Do it: destination first, ledger last. Killed in between, the next attempt finds nothing to do."""
        self._check_lake()
        attempt = attempt_prefix(self.lease) + digest(self.run_id, self.publication.name)[:8]
        scratch = hop_scratch(self.pipeline.scratch, attempt, self.lease)
        try:
            content = Content(
                name=f"{self.pipeline.name}.{self.publication.name}",
                shape=self.publication.shape,
                state_id=self.state,
                parts={period: Part(one.state_id, one.accepted) for period, one in self.parts.items()},
                read=self._read,
                token=self.lease.token,
                scratch=scratch,
                check=lambda: self.pipeline.ledger.check_lease(self.lease),
            )
            written = self.publication.destination.write(content)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        writing = self._writing(
            WritingOutcome.WRITTEN,
            rows=written.rows,
            rows_written=written.rows_written,
            partitions=len(written.replaced),
        )
        return Published(content.rows, written, self.pipeline.ledger.record_writing(writing, self.lease))

    def record_failure(self, error: Exception) -> None:
        """Record that it failed, and why."""
        writing = self._writing(
            WritingOutcome.FAILED,
            error_kind=str(kind_of(error)),
            error_class=type(error).__name__,
            error=told(error)[:2000],
        )
        try:
            self.pipeline.ledger.record_writing(writing, self.lease)
        except EtlError:
            # The ledger itself may be what broke, or the lease is lost: the first error counts.
            return

    def _check_lake(self) -> None:
        """Nothing is written out but the rows that were published."""
        table = self.publication.table
        keys: dict[PartitionKey, Validation] = {
            (table.layer, table.name, period): one for period, one in self.parts.items()
        }
        if wrong := sorted(period for of, period in strays(self.pipeline, keys) if of == table):
            raise LakeError(
                "the lake holds other rows than were published",
                where=self.where | {"table": str(table), "partitions": ", ".join(wrong[:10]) or "all"},
                hint="these partitions are built anew by the next run, which writes the publication then",
            )

    def _read(self, periods: Collection[str]) -> pl.LazyFrame:
        table = self.publication.table
        schema = self.pipeline.contract(table).schema
        return (
            self.pipeline.accepted(table).scan(schema, periods).select(list(self.publication.shape.columns))
        )

    def _writing(self, outcome: WritingOutcome, **found: object) -> Writing:
        facts: Mapping[str, object] = found
        return Writing(
            dataset=self.pipeline.name,
            publication=self.publication.name,
            run_id=self.run_id,
            state_id=self.state,
            outcome=outcome,
            place=self.publication.destination.place,
            started_at=self.started,
            ended_at=self.pipeline.now(),
            **facts,  # type: ignore[arg-type]
        )


def _published(pipeline: DatasetPipeline, publication: Publication) -> dict[str, Validation]:
    """Partition -> the validation behind what is published of it."""
    table = publication.table
    found = pipeline.ledger.published_validations(pipeline.name)
    return {
        period: one
        for (layer, name, period), one in sorted(found.items())
        if (layer, name) == (table.layer, table.name)
    }
