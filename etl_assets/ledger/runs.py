"""Runs: when they began, whether they still live, how they ended."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, func, select, update

from etl_assets.errors import LedgerError
from etl_assets.ledger.database import upsert
from etl_assets.ledger.processes import is_dead
from etl_assets.ledger.records import ProcessIdentity, Run, RunStatus
from etl_assets.ledger.rows import to_record, to_row
from etl_assets.ledger.schema import runs


def start(connection: Connection, id: str, dataset: str, process: ProcessIdentity, now: datetime) -> Run:
    """Write that a run has begun; a run that begins again, as a retried one does, is running again."""
    run = Run(
        id=id,
        dataset=dataset,
        status=RunStatus.RUNNING,
        started_at=now,
        heartbeat_at=now,
        host=process.host,
        pid=process.pid,
        process_started_at=process.started_at,
    )
    row = to_row(run, runs)
    stays = ("id", "started_at", "cpu_seconds", "peak_memory_bytes")
    kept = {name: value for name, value in row.items() if name not in stays}
    statement = upsert(connection, runs).values(row).on_conflict_do_update(index_elements=["id"], set_=kept)
    connection.execute(statement)
    return to_record(Run, connection.execute(select(runs).where(runs.c.id == id)).one())


def heartbeat(connection: Connection, id: str, now: datetime) -> None:
    """Write that a run still lives."""
    statement = update(runs).where(runs.c.id == id, runs.c.status == RunStatus.RUNNING)
    connection.execute(statement.values(heartbeat_at=now))


def add_usage(connection: Connection, id: str, cpu_seconds: float, peak_memory_bytes: int) -> None:
    """Add what one step of a run took; the run's peak is that of its largest step."""
    peak = func.coalesce(runs.c.peak_memory_bytes, 0)
    connection.execute(
        update(runs)
        .where(runs.c.id == id)
        .values(
            cpu_seconds=func.coalesce(runs.c.cpu_seconds, 0.0) + cpu_seconds,
            peak_memory_bytes=case((peak > peak_memory_bytes, peak), else_=peak_memory_bytes),
        )
    )


def finish(
    connection: Connection,
    id: str,
    status: RunStatus,
    rows: int | None,
    error_class: str,
    error: str,
    error_kind: str,
    now: datetime,
) -> None:
    """Write how a run ended."""
    found = connection.execute(
        update(runs)
        .where(runs.c.id == id)
        .values(
            status=status,
            rows=rows,
            error_class=error_class,
            error=error,
            error_kind=error_kind,
            ended_at=now,
            heartbeat_at=now,
        )
    )
    if found.rowcount == 0:
        raise LedgerError("There is no such run", where={"run": id})


def reap(connection: Connection, silent_seconds: float, now: datetime) -> list[Run]:
    """Mark runs as unfinished whose process is gone, or that have been silent for too long."""
    statement = select(runs).where(runs.c.status == RunStatus.RUNNING).with_for_update()
    found = [to_record(Run, row) for row in connection.execute(statement.order_by(runs.c.started_at))]
    reaped = []
    for run in found:
        dead = is_dead(ProcessIdentity(run.host, run.pid, run.process_started_at))
        if not dead and now - run.heartbeat_at <= timedelta(seconds=silent_seconds):
            continue
        error = (
            "its process is gone"
            if dead
            else f"nothing was heard of it since {run.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC"
        )
        values = {"status": RunStatus.UNFINISHED, "ended_at": now, "error": error}
        connection.execute(update(runs).where(runs.c.id == run.id).values(values))
        reaped.append(Run(**{**vars(run), **values}))
    return reaped


def find(
    connection: Connection, dataset: str | None, statuses: Collection[RunStatus] | None, limit: int | None
) -> list[Run]:
    """Return runs, newest first."""
    statement = select(runs)
    if dataset is not None:
        statement = statement.where(runs.c.dataset == dataset)
    if statuses is not None:
        statement = statement.where(runs.c.status.in_(list(statuses)))
    rows = connection.execute(statement.order_by(runs.c.started_at.desc(), runs.c.id).limit(limit))
    return [to_record(Run, row) for row in rows]


def by_prefix(connection: Connection, prefix: str) -> Run:
    """Return the one run whose id starts with `prefix`."""
    where: dict[str, object] = {"run": prefix}
    hint = "See `dq runs list`"
    statement = select(runs).where(runs.c.id.startswith(prefix, autoescape=True)).order_by(runs.c.id).limit(6)
    found = [to_record(Run, row) for row in connection.execute(statement)]
    exact = [run for run in found if run.id == prefix]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if not found:
        raise LedgerError("There is no such run", where=where, hint=hint)
    raise LedgerError(
        "More than one run starts so", where=where, hint=f"One of {', '.join(run.id for run in found)}"
    )
