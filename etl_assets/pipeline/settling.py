"""What no run settles, because none is asked for: deliveries that need none, and rows that a killed run left.

A delivery stays pending until a run has built it. No run is asked for where its rows are published already
(content A came, then B, then A again before anything was built), nor for a snapshot of which a newer version
counts. And the rows of a run that was killed between lake and ledger stay in the lake where what came next
is stopped by its gate: they belong to no publication.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from etl_assets.contracts.dataset import TableId
from etl_assets.errors import LakeError, LeaseHeldError, StaleWriterError
from etl_assets.ledger.records import Delivery, DeliveryState, Lease, Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.pipeline.state import ANOTHER_TRY, OUTRANKED, is_outranked, is_usable, snapshot_rank
from etl_assets.pipeline.strays import put_back, strays
from etl_assets.staging.source import Mode


def settle(pipeline: DatasetPipeline, pending: Pending) -> None:
    """Say of deliveries that wait for nothing what they are, and take back rows of killed runs.

    Nothing is done while another process works on the dataset: what it is about to write down is not known.

    Args:
        pipeline: The dataset.
        pending: What is left to do there.
    """
    if _is_worked_on(pipeline, pipeline.now()):
        return
    _settle_deliveries(pipeline, pending)
    stray = {one for one in pending.strays if _stays(pending, one)}
    if stray:
        _take_back(pipeline, stray)


def _is_worked_on(pipeline: DatasetPipeline, now: datetime) -> bool:
    return any(
        one.lease.dataset == pipeline.name and now < one.expires_at for one in pipeline.ledger.leases()
    )


# -- deliveries -------------------------------------------------------------------------------


def _settle_deliveries(pipeline: DatasetPipeline, pending: Pending) -> None:
    usable = [one for one in pending.states.deliveries if is_usable(one)]
    newer = _outranked(pipeline, usable)
    superseded = {
        one.id: newer[one.id].id
        for one in usable
        if one.id in newer and newer[one.id].state is DeliveryState.INGESTED and not is_outranked(one)
    }
    back = [
        one.id
        for one in usable
        if is_outranked(one) and one.id not in newer and one.table in pipeline.sources
    ]
    ingested = [id for id in _published(pending) if id not in superseded]
    if superseded or back or ingested:
        pipeline.ledger.settle_deliveries(
            pipeline.name, ingested=ingested, superseded=superseded, reason=OUTRANKED, back=back
        )


def _outranked(pipeline: DatasetPipeline, deliveries: Iterable[Delivery]) -> dict[str, Delivery]:
    """Versions of snapshots that count for none of their partitions -> a newer one that does instead."""
    by_partition: dict[tuple[str, str], list[Delivery]] = {}
    for one in deliveries:
        source = pipeline.sources.get(one.table)
        if source is not None and source.mode is Mode.SNAPSHOT:
            for period in one.periods if source.partitioned else ("",):
                by_partition.setdefault((one.table, period), []).append(one)
    newest: dict[str, list[Delivery]] = {}
    for (table, _), found in by_partition.items():
        first = max(found, key=snapshot_rank(pipeline.sources[table]))
        for one in found:
            newest.setdefault(one.id, []).append(first)
    return {
        # If one of them is not ingested yet, that one: the older stays what it is until then.
        id: min(found, key=lambda one: one.state is DeliveryState.INGESTED)
        for id, found in newest.items()
        if all(one.id != id for one in found)
    }


def _published(pending: Pending) -> list[str]:
    """Pending deliveries of which all that counts is published already, as it was delivered before."""
    waiting: dict[str, list[bool]] = {}
    for (table, period), current in pending.states.current.items():
        standing = pending.standings.get((table, period))
        for one in current.deliveries:
            if one.state is DeliveryState.PENDING and one.reason not in ANOTHER_TRY:
                done = standing is not None and standing.standing is Standing.CURRENT
                waiting.setdefault(one.id, []).append(done)
    return [id for id, partitions in waiting.items() if all(partitions)]


# -- rows of killed runs ----------------------------------------------------------------------


def _stays(pending: Pending, partition: tuple[TableId, str]) -> bool:
    """Whether no run is going to replace a partition's rows."""
    standing = pending.standings.get(partition)
    return standing is None or standing.standing is not Standing.PENDING


def _take_back(pipeline: DatasetPipeline, stray: set[tuple[TableId, str]]) -> None:
    """Publish anew what the ledger says is published, from the files of that version."""
    owner = f"settling-{digest(pipeline.name, pipeline.now().isoformat())[:12]}"
    try:
        with held_lease(pipeline.ledger, pipeline.name, owner, pipeline.limits.lease_seconds) as lease:
            # Once more, under the lease: a run may have written both meanwhile.
            published = pipeline.ledger.published_validations(pipeline.name)
            still = stray & strays(pipeline, published)
            for table in sorted({table for table, _ in still}, key=str):
                own = {
                    period: published[table.layer, table.name, period] for of, period in still if of == table
                }
                _put_back(pipeline, table, own, lease)
    except LeaseHeldError:
        return  # whoever works there leaves something else


def _put_back(pipeline: DatasetPipeline, table: TableId, own: Mapping[str, Validation], lease: Lease) -> None:
    try:
        put_back(pipeline, table, own, lease)
    except (LakeError, StaleWriterError):
        return  # the files are gone, or the storage is away: the next look tries again
