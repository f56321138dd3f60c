"""Who may write a dataset's tables: leases that end, and the tokens that tell old holders from new."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, select, update

from etl_assets.errors import LeaseHeldError, LedgerError
from etl_assets.ledger.database import upsert
from etl_assets.ledger.processes import is_dead, same_process
from etl_assets.ledger.records import Lease, LeaseInfo, ProcessIdentity
from etl_assets.ledger.rows import AnyRow, lock_dataset
from etl_assets.ledger.schema import datasets, leases


class LeaseLostError(LedgerError):
    """The lease was released or taken over; whoever worked under it must stop, and nothing was written."""


def acquire(
    connection: Connection,
    dataset: str,
    owner: str,
    ttl_seconds: float,
    process: ProcessIdentity,
    now: datetime,
) -> Lease:
    """Take the lease of `dataset`, from a dead or late holder if need be."""
    counters = lock_dataset(connection, dataset)
    found = current(connection, dataset)
    if found is not None and found.lease.owner == owner and same_process(found.process, process):
        if now < found.expires_at:
            renew(connection, found.lease, ttl_seconds, now)
            return found.lease
    elif found is not None and now < found.expires_at and not is_dead(found.process):
        raise _held(found)
    # Milliseconds of the clock are a floor: should the ledger be lost, or restored from an older copy, the
    # tables still remember their last token, and a count that began again below it would shut every writer
    # out. In seconds, a quick series of runs would be ahead of the clock.
    token = max(counters.last_token + 1, int(now.timestamp() * 1000))
    lease = Lease(dataset=dataset, owner=owner, token=token)
    connection.execute(update(datasets).where(datasets.c.dataset == dataset).values(last_token=lease.token))
    row = {
        "dataset": dataset,
        "owner": owner,
        "token": lease.token,
        "host": process.host,
        "pid": process.pid,
        "process_started_at": process.started_at,
        "acquired_at": now,
        "renewed_at": now,
        "expires_at": now + timedelta(seconds=ttl_seconds),
    }
    statement = upsert(connection, leases).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["dataset"], set_=row))
    return lease


def renew(connection: Connection, lease: Lease, ttl_seconds: float, now: datetime) -> None:
    """Put off the end of `lease`; one that is late but that nobody took is as good as before."""
    expires_at = now + timedelta(seconds=ttl_seconds)
    statement = update(leases).where(*_is(lease)).values(renewed_at=now, expires_at=expires_at)
    if connection.execute(statement).rowcount == 0:
        raise _lost(connection, lease)


def release(connection: Connection, lease: Lease) -> bool:
    """Give `lease` back; False if it was not held any more."""
    return connection.execute(delete(leases).where(*_is(lease))).rowcount > 0


def require(connection: Connection, lease: Lease) -> None:
    """Stop a stale writer. In a transaction that locked the dataset, the answer holds until its end."""
    found = current(connection, lease.dataset)
    if found is None or found.lease != lease:
        raise _lost(connection, lease)


def current(connection: Connection, dataset: str) -> LeaseInfo | None:
    """Return the lease of `dataset` as it is, late or not."""
    row = connection.execute(select(leases).where(leases.c.dataset == dataset)).one_or_none()
    return None if row is None else _info(row)


def every(connection: Connection) -> list[LeaseInfo]:
    """Return all leases, late ones included."""
    return [_info(row) for row in connection.execute(select(leases).order_by(leases.c.dataset))]


def _is(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    return tuple(leases.c[name] == getattr(lease, name) for name in ("dataset", "owner", "token"))


def _info(row: AnyRow) -> LeaseInfo:
    return LeaseInfo(
        lease=Lease(row.dataset, row.owner, row.token),
        process=ProcessIdentity(row.host, row.pid, row.process_started_at),
        acquired_at=row.acquired_at,
        renewed_at=row.renewed_at,
        expires_at=row.expires_at,
    )


def _held(found: LeaseInfo) -> LeaseHeldError:
    process = found.process
    return LeaseHeldError(
        f"Another run works on this dataset since {found.acquired_at:%Y-%m-%d %H:%M:%S} UTC",
        where={
            "dataset": found.lease.dataset,
            "run": found.lease.owner,
            "host": process.host,
            "process": process.pid,
        },
        hint=f"Wait for it; should it be dead, its lease ends at {found.expires_at:%Y-%m-%d %H:%M:%S} UTC",
    )


def _lost(connection: Connection, lease: Lease) -> LeaseLostError:
    found = current(connection, lease.dataset)
    holder = f"run {found.lease.owner} has taken it over" if found else "it was released"
    return LeaseLostError(
        f"The lease of this run is not valid any more: {holder}",
        where={"dataset": lease.dataset, "run": lease.owner, "token": lease.token},
        hint="Nothing was written; what is pending will be asked for again",
    )
