"""What a sensor does about a sick staging area or lake: it asks, probes, and says what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster as dg

from etl_assets.contracts.dataset import Dataset, Layer
from etl_assets.deadline import NoAnswerError, within
from etl_assets.errors import Circuit, EtlError
from etl_assets.lake.places import LakeUnreachableError
from etl_assets.lake.probing import check_reachable, check_writable
from etl_assets.ledger.circuit_records import Admission, CircuitStanding
from etl_assets.orchestration.partitions import asset_key
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.health import describe, failure_of, note_failure, note_look, note_success
from etl_assets.pipeline.intake import Intake, take_in

LAKE_SECONDS = 10.0
"""How long a tick waits for an answer of the lake."""


@dataclass
class Health:
    """What one tick finds of a dataset's circuits.

    Attributes:
        told: Why no run is asked for; empty if nothing is sick.
        on_trial: Circuits that answer again after runs had failed: one run is asked for, which decides.
        changed: Circuits that this tick has opened or closed.
    """

    pipeline: DatasetPipeline
    told: list[str] = field(default_factory=list)
    on_trial: list[Circuit] = field(default_factory=list)
    changed: list[CircuitStanding] = field(default_factory=list)

    def look(self) -> Intake:
        """Look into the staging area, unless it is sick and no probe is due."""
        admission = self._ask(Circuit.STAGING)
        if not admission.allowed:
            return Intake()
        intake = take_in(self.pipeline, seconds=self.pipeline.limits.hash_seconds)
        self._note(admission, note_look(self.pipeline, intake))
        return intake

    def ask_lake(self) -> None:
        """Ask the lake for a sign of life; as a probe, write to it as well."""
        admission = self._ask(Circuit.LAKE)
        if not admission.allowed:
            return
        root, name = self.pipeline.lake.root, self.pipeline.name
        try:
            within(LAKE_SECONDS, lambda: check_reachable(root))
            if admission.probe:
                within(LAKE_SECONDS, lambda: check_writable(root, below=name))
        except (EtlError, NoAnswerError) as error:
            sick = error if isinstance(error, EtlError) else LakeUnreachableError(f"The lake gives {error}")
            self._note(admission, note_failure(self.pipeline, failure_of(sick, in_run=False)))
        else:
            self._note(admission, note_success(self.pipeline, Circuit.LAKE, in_run=False))

    def nothing_to_try(self) -> None:
        """There is no work that could prove a circuit well: that it answers has to do."""
        for circuit in self.on_trial:
            self.changed.append(note_success(self.pipeline, circuit, in_run=True))

    def _ask(self, circuit: Circuit) -> Admission:
        admission = self.pipeline.ledger.admit(self.pipeline.name, circuit)
        if not admission.allowed:
            self.told.append(describe(admission.standing))
        return admission

    def _note(self, admission: Admission, after: CircuitStanding) -> None:
        if admission.probe and after == admission.standing:
            # It answers, but runs had failed: one more has to show that they don't any more.
            self.on_trial.append(Circuit(after.circuit))
            return
        if not after.is_closed:
            self.told.append(describe(after))
        if admission.probe == after.is_closed:
            self.changed.append(after)


def observed(dataset: Dataset, changed: Sequence[CircuitStanding]) -> list[dg.AssetObservation]:
    """Show in Dagster's UI, at the bronze tables, that a circuit has opened or closed."""
    keys = [asset_key(dataset.name, table.id) for table in dataset.tables if table.id.layer is Layer.BRONZE]
    return [dg.AssetObservation(key, metadata=_metadata(one)) for one in changed for key in keys]


def _metadata(one: CircuitStanding) -> dict[str, str | int]:
    told: dict[str, str | int] = {
        "circuit": str(one.circuit),
        "circuit_state": str(one.state),
        "failures": one.failures,
        "error_kind": str(one.error_kind),
        "error": one.error,
    }
    moments = {"since": one.opened_at, "next_probe": one.probe_at}
    return told | {name: f"{at:%Y-%m-%d %H:%M:%S} UTC" for name, at in moments.items() if at}
