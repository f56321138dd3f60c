"""What is sick, kept for all processes: circuits that open after failures, and errors, counted.

A circuit is closed until it has failed so often in a row. Then it is open: nothing goes through until it may
be probed. One process takes the probe, which makes it half open; what comes of the probe closes it, or opens
it again for longer. A probe of which nothing is heard counts as lost after a while, and another one may go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from etl_assets.errors import Circuit
from etl_assets.ledger.circuit_records import Admission, CircuitStanding, CircuitState, ErrorCount, Failed
from etl_assets.ledger.database import upsert
from etl_assets.ledger.rows import lock_dataset, to_record, to_row
from etl_assets.ledger.schema import circuits, error_counts

PROBE_LOST_SECONDS = 180.0
"""After so long without a word a probe is taken to be lost: its process was killed."""

ROW_ENDS = timedelta(hours=1)
"""Failures that lie further apart are not in a row, though nothing else may have been heard in between."""

CLOCK_TURNED_BACK = timedelta(minutes=10)
"""A failure this far in the future was written by a clock that was wrong: nobody waits until then."""


def admit(connection: Connection, dataset: str, circuit: Circuit, now: datetime) -> Admission:
    """Ask whether work may go through; when a probe is due, whoever asks first takes it."""
    lock_dataset(connection, dataset)
    found = of(connection, dataset, circuit)
    if found.is_closed:
        return Admission(found, allowed=True)
    wrong_clock = found.failed_at is not None and found.failed_at > now + CLOCK_TURNED_BACK
    if found.probe_at is not None and now < found.probe_at and not wrong_clock:
        return Admission(found, allowed=False)
    lost_at = now + timedelta(seconds=PROBE_LOST_SECONDS)
    half_open = replace(found, state=CircuitState.HALF_OPEN, probe_at=lost_at)
    _write(connection, half_open)
    return Admission(half_open, allowed=True, probe=True)


def failed(
    connection: Connection,
    dataset: str,
    failure: Failed,
    most_failures: int,
    wait: Callable[[int], float],
    now: datetime,
) -> CircuitStanding:
    """Note a failure of a circuit: it opens at the last of `most_failures`, and again after a probe.

    Args:
        connection: To the ledger.
        dataset: Whose circuit it is.
        failure: What failed.
        most_failures: So many in a row open it; one is enough where trying again can't help.
        wait: (failed probes + 1) -> seconds until the next probe.
        now: The time.
    """
    lock_dataset(connection, dataset)
    before = of(connection, dataset, Circuit(failure.origin))
    recent = before.failed_at is not None and now - before.failed_at < ROW_ENDS
    earlier = before.failures if recent or not before.is_closed else 0
    after = replace(
        before,
        failures=earlier + 1,
        in_run=failure.in_run,
        failed_at=now,
        error_kind=str(failure.kind),
        error_class=failure.error_class,
        error=failure.error,
    )
    opens = after.failures >= most_failures or not failure.kind.retried
    if before.state is CircuitState.HALF_OPEN:
        probes = before.probes + 1
        again = now + timedelta(seconds=wait(probes + 1))
        after = replace(after, state=CircuitState.OPEN, probes=probes, probe_at=again)
    elif before.state is CircuitState.CLOSED and opens:
        again = now + timedelta(seconds=wait(1))
        after = replace(after, state=CircuitState.OPEN, probes=0, opened_at=now, probe_at=again)
    _write(connection, after)
    return after


def succeeded(connection: Connection, dataset: str, circuit: Circuit, *, in_run: bool) -> CircuitStanding:
    """Note that it works; it closes, unless a run found it sick and only a look finds it well.

    Then the circuit is half open until a run has gone through: one that lists but can't be read from would
    otherwise be closed by each look, and opened by each run, without an end.
    """
    lock_dataset(connection, dataset)
    found = of(connection, dataset, circuit)
    if found.in_run and not in_run:
        return found
    # What failed last stays: people ask for it afterwards.
    closed = replace(
        found, state=CircuitState.CLOSED, failures=0, probes=0, in_run=False, opened_at=None, probe_at=None
    )
    if closed != found:
        _write(connection, closed)
    return closed


def reset(connection: Connection, dataset: str, circuit: Circuit) -> bool:
    """Forget that a circuit ever failed; False if nothing was known of it."""
    lock_dataset(connection, dataset)
    rows = connection.execute(
        delete(circuits).where(circuits.c.dataset == dataset, circuits.c.circuit == circuit)
    )
    return rows.rowcount > 0


def of(connection: Connection, dataset: str, circuit: Circuit) -> CircuitStanding:
    """Return where a circuit stands; one that never failed is closed."""
    statement = select(circuits).where(circuits.c.dataset == dataset, circuits.c.circuit == circuit)
    row = connection.execute(statement).one_or_none()
    return (
        CircuitStanding(dataset=dataset, circuit=str(circuit))
        if row is None
        else to_record(CircuitStanding, row)
    )


def every(connection: Connection, dataset: str | None) -> list[CircuitStanding]:
    """Return every circuit that ever failed."""
    statement = select(circuits).order_by(circuits.c.dataset, circuits.c.circuit)
    if dataset is not None:
        statement = statement.where(circuits.c.dataset == dataset)
    return [to_record(CircuitStanding, row) for row in connection.execute(statement)]


def _write(connection: Connection, standing: CircuitStanding) -> None:
    row = to_row(standing, circuits)
    statement = upsert(connection, circuits).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["dataset", "circuit"], set_=row))


# -- counts -----------------------------------------------------------------------------------


def count(connection: Connection, dataset: str, failure: Failed, now: datetime) -> None:
    """Count an error by where it came from and its kind."""
    row = {
        "dataset": dataset,
        "origin": failure.origin,
        "error_kind": failure.kind,
        "count": 1,
        "first_at": now,
        "last_at": now,
        "error_class": failure.error_class,
        "error": failure.error,
    }
    statement = upsert(connection, error_counts).values(row)
    changed = {name: statement.excluded[name] for name in ("last_at", "error_class", "error")}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["dataset", "origin", "error_kind"],
            set_=changed | {"count": error_counts.c.count + 1},
        )
    )


def counts(connection: Connection, dataset: str | None) -> list[ErrorCount]:
    """Return how often errors came, by dataset, origin and kind."""
    statement = select(error_counts).order_by(*error_counts.primary_key.columns)
    if dataset is not None:
        statement = statement.where(error_counts.c.dataset == dataset)
    return [to_record(ErrorCount, row) for row in connection.execute(statement)]
