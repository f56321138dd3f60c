"""What is sick: the circuits of a dataset's staging area and lake, as runs and looks find them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from etl_assets.error_kinds import circuit_of, kind_of
from etl_assets.errors import Circuit, LedgerError
from etl_assets.ledger.circuit_records import CircuitStanding, CircuitState, Failed
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.faults import told

if TYPE_CHECKING:
    from etl_assets.pipeline.intake import Intake

SUBJECTS = {Circuit.STAGING: "the staging area", Circuit.LAKE: "the lake"}

LONGEST = 600
"""Characters of an error that a circuit keeps."""


def failure_of(error: BaseException, *, in_run: bool) -> Failed:
    """What is kept of an error: free of secrets and of cells."""
    origin = str(circuit_of(error) or "")
    return Failed(origin, kind_of(error), type(error).__name__, told(error)[:LONGEST], in_run)


def note_failure(pipeline: DatasetPipeline, failure: Failed) -> CircuitStanding:
    """Tell a circuit that what it guards has failed; say where it stands now."""
    seed = f"{pipeline.name}/{failure.origin}"
    backoff = pipeline.circuit.backoff
    return pipeline.ledger.circuit_failed(
        pipeline.name, failure, pipeline.circuit.failures, lambda probes: backoff.seconds(probes, seed)
    )


def note_success(pipeline: DatasetPipeline, circuit: Circuit, *, in_run: bool) -> CircuitStanding:
    """Tell a circuit that work went through."""
    return pipeline.ledger.circuit_succeeded(pipeline.name, circuit, in_run=in_run)


def note_errors(pipeline: DatasetPipeline, errors: Iterable[BaseException]) -> set[Circuit]:
    """Tell the circuits what a run met, each once; return those that it found sick.

    The ledger may be what is sick: then nobody can be told, and the error itself counts.
    """
    sick: dict[Circuit, BaseException] = {}
    for error in errors:
        if circuit := circuit_of(error):
            sick.setdefault(circuit, error)
    try:
        for error in sick.values():
            note_failure(pipeline, failure_of(error, in_run=True))
    except LedgerError:
        pass
    return set(sick)


def note_look(pipeline: DatasetPipeline, intake: Intake) -> CircuitStanding:
    """Tell the circuit of the staging area what a look came to."""
    if intake.sick:
        return note_failure(pipeline, intake.sick)
    # Something was read, and not only listed.
    return note_success(pipeline, Circuit.STAGING, in_run=bool(intake.registered))


def open_circuits(pipeline: DatasetPipeline) -> list[str]:
    """What is sick now, in words."""
    return [describe(one) for one in pipeline.ledger.circuits(pipeline.name) if not one.is_closed]


def describe(standing: CircuitStanding) -> str:
    """Say what is sick, since when, with what error, and when it is tried again."""
    subject = SUBJECTS[Circuit(standing.circuit)]
    since = f" since {standing.opened_at:%Y-%m-%d %H:%M:%S} UTC" if standing.opened_at else ""
    why = f"{standing.error_kind}, {standing.error_class}: {standing.error}"
    again = f"probed again at {standing.probe_at:%Y-%m-%d %H:%M:%S} UTC" if standing.probe_at else ""
    if standing.state is CircuitState.HALF_OPEN:
        again = "a probe is under way"
    return f"the circuit of {subject} is {_WORDS[standing.state]}{since} ({why}); {again}"


_WORDS = {CircuitState.CLOSED: "closed", CircuitState.OPEN: "open", CircuitState.HALF_OPEN: "half open"}
