"""Polars' threads, shared out among the processes that build tables at the same time on one machine."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

VARIABLE = "POLARS_MAX_THREADS"
"""Polars looks at it once, when it is imported."""

_CGROUP = Path("/sys/fs/cgroup")


def share_out_threads(processes: int, said: int | None = None) -> int:
    """Let Polars take its share of the cores in this process, and in those that it starts.

    To be called before anything imports Polars: later it changes nothing. A variable that is there already
    stays: the operator said so, or the process above has shared out the cores before.

    Args:
        processes: How many processes may build tables at the same time.
        said: So many threads, whatever the cores are.

    Returns:
        The number of threads.
    """
    if os.environ.get(VARIABLE, "").isdecimal():
        return int(os.environ[VARIABLE])
    threads = said or max(1, available_cores() // processes)
    os.environ[VARIABLE] = str(threads)
    return threads


def available_cores(cgroup: Path = _CGROUP) -> int:
    """Return how many cores this process may use: of the machine, or of its container's limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _limit(cgroup) or cores))


def _limit(cgroup: Path) -> int | None:
    """The limit of a container, in whole cores: version 2 of cgroups first, then version 1."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    try:
        return ceil(int(quota) / int(period)) if int(quota) > 0 else None
    except (ValueError, ZeroDivisionError):
        return None  # "max": no limit
