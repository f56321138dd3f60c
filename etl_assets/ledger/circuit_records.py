"""What the ledger takes and gives of circuits and errors; plain values, as in `records`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from etl_assets.errors import ErrorKind


class CircuitState(StrEnum):
    """Whether work goes through. half_open: one probe is under way, which decides."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, kw_only=True)
class CircuitStanding:
    """Where one circuit of a dataset stands: `staging` or `lake`.

    Attributes:
        failures: How often it failed since it last did not.
        probes: How many probes have failed since it opened.
        in_run: Whether a run failed last; a look alone does not close it then.
        opened_at: Since when nothing goes through; None while it is closed.
        probe_at: When it may be probed; while half open, when the probe under way counts as lost.
        error: What failed last, without secrets.
    """

    dataset: str
    circuit: str
    state: CircuitState = CircuitState.CLOSED
    failures: int = 0
    probes: int = 0
    in_run: bool = False
    opened_at: datetime | None = None
    failed_at: datetime | None = None
    probe_at: datetime | None = None
    error_kind: str = ""
    error_class: str = ""
    error: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether work goes through."""
        return self.state is CircuitState.CLOSED


@dataclass(frozen=True, kw_only=True)
class ErrorCount:
    """How often errors of one kind have come to a dataset, and the last of them.

    Attributes:
        origin: The circuit that it came from; '' for what is the dataset's own.
    """

    dataset: str
    origin: str
    error_kind: ErrorKind
    count: int
    first_at: datetime
    last_at: datetime
    error_class: str = ""
    error: str = ""


@dataclass(frozen=True)
class Failed:
    """One failure, as it is kept.

    Attributes:
        origin: What failed: a circuit, or '' for what is the dataset's own.
        in_run: Whether it was met by a run, and not by a look.
        error: What people are told, without secrets and without cells.
    """

    origin: str
    kind: ErrorKind
    error_class: str
    error: str
    in_run: bool = False


@dataclass(frozen=True)
class Admission:
    """Whether work may go through a circuit now.

    Attributes:
        standing: Where the circuit stands, after this was asked.
        probe: Whether whoever asked is the one that probes.
    """

    standing: CircuitStanding
    allowed: bool
    probe: bool = False
