"""Which process is this, and does that one still live?"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil

from etl_assets.ledger.records import ProcessIdentity

# The kernel's number for the pid namespace that a machine starts with. In any other one (a container) pids
# mean something else, and two containers may well share a host name.
INITIAL_PID_NAMESPACE = "pid:[4026531836]"
# A process's start time is derived from the clock; small corrections of the clock move it.
START_TOLERANCE_SECONDS = 2.0


def this_host() -> str:
    """Return a name under which this machine's (or container's) pids are unique."""
    name = socket.gethostname()
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return name
    return name if namespace == INITIAL_PID_NAMESPACE else f"{name}/{namespace}"


def this_process() -> ProcessIdentity:
    """Return the identity of the process that asks."""
    return identity_of(os.getpid())


def identity_of(pid: int) -> ProcessIdentity:
    """Return the identity of a living process on this machine."""
    return ProcessIdentity(host=this_host(), pid=pid, started_at=psutil.Process(pid).create_time())


def same_process(one: ProcessIdentity, other: ProcessIdentity) -> bool:
    """Tell whether both are the same process."""
    return (
        one.host == other.host
        and one.pid == other.pid
        and abs(one.started_at - other.started_at) <= START_TOLERANCE_SECONDS
    )


def is_dead(process: ProcessIdentity) -> bool:
    """Tell whether `process` is known to be gone; False for one on another host: nobody knows."""
    if process.host != this_host():
        return False
    try:
        found = psutil.Process(process.pid)
        # A zombie runs no more; it only waits for its parent to read its exit code.
        if found.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return True
        started_at = found.create_time()
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
    return abs(started_at - process.started_at) > START_TOLERANCE_SECONDS
