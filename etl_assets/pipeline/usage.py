"""How much CPU time and memory a piece of work takes, in this process and in those that it starts."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

_PROC = Path("/proc/self")


@dataclass
class Usage:
    """A stopwatch for CPU time and memory; it runs from its making on.

    The peak of memory is that of the process while the work goes on. Linux forgets the one before when
    it is asked to; elsewhere it is the peak since the process began.
    """

    _begun: float = field(default_factory=time.perf_counter, init=False)
    _cpu: float = field(default_factory=lambda: _cpu_seconds(), init=False)

    def __post_init__(self) -> None:
        _forget_peak()

    @property
    def seconds(self) -> float:
        """Time on the clock."""
        return time.perf_counter() - self._begun

    @property
    def cpu_seconds(self) -> float:
        """Time on all cores, that of processes which were started and have ended included."""
        return _cpu_seconds() - self._cpu

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory that was held."""
        return _peak_bytes()


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _forget_peak() -> None:
    try:
        (_PROC / "clear_refs").write_text("5")
    except OSError:
        return  # not Linux, or a container that forbids it: the peak is that of the process so far


def _peak_bytes() -> int:
    try:
        for line in (_PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
