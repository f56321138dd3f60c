"""Where a dataset's publications stand: whether a destination holds what is published in the lake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from etl_assets.contracts.dataset import TableId
from etl_assets.errors import ErrorKind
from etl_assets.ledger.writing_records import WritingHistory, WritingOutcome
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.standing import FINAL, Standing
from etl_assets.publications.opening import Publication

ENGINE = 1
"""Raise it when the same rows are to be written again because this project writes them differently."""

PartStates = Mapping[str, str]
"""Partition key ('' for a table without partitions) -> state id."""


@dataclass(frozen=True)
class PublicationStanding:
    """Where one publication stands, and why; `state` is the state that it would have if written now."""

    publication: Publication
    standing: Standing
    state: str | None = None
    reason: str = ""
    history: WritingHistory = field(default_factory=WritingHistory)

    @property
    def name(self) -> str:
        """The publication's name."""
        return self.publication.name

    @property
    def asked_for(self) -> bool:
        """Whether somebody asked for another attempt, whatever came of the earlier ones."""
        newest = self.history.newest
        return newest is not None and newest.outcome is WritingOutcome.RETRY

    @property
    def waits_for_person(self) -> bool:
        """Whether it takes a person to go on."""
        newest = self.history.newest
        wrong = newest is not None and newest.error_kind == ErrorKind.CONFIGURATION
        return self.standing is Standing.FAILED or (self.standing is Standing.WAITING and wrong)


def publication_state(publication: Publication, parts: PartStates) -> str:
    """Name everything that a destination is to hold: its place, its columns, the rows of each partition."""
    shape = publication.shape
    columns = [[name, str(dtype), name in shape.required] for name, dtype in shape.columns.items()]
    return digest(ENGINE, publication.destination.identity, columns, shape.key, dict(sorted(parts.items())))


def publication_standings(
    pipeline: DatasetPipeline, readable: Callable[[TableId], PartStates]
) -> dict[str, PublicationStanding]:
    """Say where each publication stands.

    Args:
        pipeline: The dataset.
        readable: The states of a table's partitions once all that is pending has been built.
    """
    if not pipeline.publications:
        return {}
    histories = pipeline.ledger.writing_histories(pipeline.name)
    return {
        name: _stand(pipeline, one, readable(one.table), histories.get(name, WritingHistory()))
        for name, one in pipeline.publications.items()
    }


def _stand(
    pipeline: DatasetPipeline, publication: Publication, parts: PartStates, history: WritingHistory
) -> PublicationStanding:
    if not parts:
        why = f"nothing of {publication.table} is published yet"
        return PublicationStanding(publication, Standing.NOTHING, None, why, history)
    state = publication_state(publication, parts)
    newest, written = history.newest, history.written
    if newest is not None and newest.outcome is WritingOutcome.RETRY:
        # Even if all seems to be there: somebody may have put back an old copy of the destination.
        return PublicationStanding(publication, Standing.PENDING, state, "a retry was asked for", history)
    if newest is not None and newest.outcome is WritingOutcome.FAILED and newest.state_id == state:
        standing, reason = _failed(pipeline, publication.name, history)
        return PublicationStanding(publication, standing, state, reason, history)
    if written is not None and written.state_id == state:
        return PublicationStanding(publication, Standing.CURRENT, state, "", history)
    return PublicationStanding(publication, Standing.PENDING, state, "", history)


def _failed(pipeline: DatasetPipeline, name: str, history: WritingHistory) -> tuple[Standing, str]:
    """What becomes of a publication whose newest attempt failed on the state that it is to have."""
    newest = history.newest
    assert newest is not None
    kind, retry = newest.error_kind, pipeline.retry
    if kind in FINAL:
        return Standing.FAILED, f"{newest.error} ({kind}: {FINAL[kind]})"
    # What a person has to set right takes as long as it takes: tried again, seldom, without a limit.
    if kind != ErrorKind.CONFIGURATION and history.failures >= retry.max_attempts:
        return Standing.FAILED, f"failed {history.failures} times, last: {newest.error}"
    wait = retry.backoff.seconds(history.failures, f"{pipeline.name}/publications/{name}")
    again = newest.ended_at + timedelta(seconds=wait)
    if again <= pipeline.now():
        return Standing.PENDING, ""
    told = f" ({kind})" if kind else ""
    return Standing.WAITING, f"tried again at {again:%Y-%m-%d %H:%M:%S} UTC after{told}: {newest.error}"
