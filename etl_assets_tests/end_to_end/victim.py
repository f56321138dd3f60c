"""A worker that kills itself with SIGKILL after its n-th write, n = KILL_AT; or stops itself with SIGSTOP,
STOP_AFTER a call and its number.

Started as `python -m etl_assets_tests.end_to_end.victim WORK`; it says `ready` once everything is imported,
works after a line on stdin that names its home, and says `done <boundaries>` if it lives to the end.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from etl_assets.lake.stage import Stage
from etl_assets.ledger.database import Database


class Boundaries:
    """Counts the writes that have ended, and kills after one of them; 1 is before the first.

    After one write is before the next: nothing lies between them on disk.
    """

    def __init__(self, kill_at: int, stop_after: str) -> None:
        self.kill_at = kill_at
        self.stop_after = stop_after
        self.passed = 0
        self.by_name: Counter[str] = Counter()

    def here(self, name: str = "", *, write: bool = True) -> None:
        self.passed += write
        self.by_name[name] += 1
        if write and self.passed == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.stop_after == f"{name} {self.by_name[name]}":
            os.kill(os.getpid(), signal.SIGSTOP)

    def after(self, owner: Any, name: str, writes: Callable[..., bool] = lambda *_, **__: True) -> None:
        """Make the end of each call of `owner.name` a boundary, if `writes` says that it writes anything."""
        original = inspect.getattr_static(owner, name)
        function = original.__func__ if isinstance(original, classmethod) else original

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            counts = writes(*args, **kwargs)
            result = function(*args, **kwargs)
            self.here(name, write=counts)
            return result

        setattr(owner, name, classmethod(wrapped) if isinstance(original, classmethod) else wrapped)

    def after_block(self, owner: Any, name: str) -> None:
        """The same for a context manager."""
        original = getattr(owner, name)

        @contextmanager
        def wrapped(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with original(*args, **kwargs) as value:
                yield value
            self.here(name)

        setattr(owner, name, wrapped)


def wrap_writes(boundaries: Boundaries) -> None:
    """Everything that leaves something behind: ledger, Parquet files, Delta commits, files moved, deleted."""
    boundaries.after_block(Database, "write")
    boundaries.after(Stage, "_written")
    boundaries.after(Stage, "discard", writes=lambda _, files: bool(files))
    boundaries.after(Stage, "move")
    boundaries.after(DeltaTable, "create_write_transaction")
    boundaries.after(DeltaTable, "create")
    # Writes nothing: the moment between a commit's own look for newer writers and the commit.
    boundaries.after(DeltaTable, "transaction_version", writes=lambda *_: False)
    # Scratch holds nothing that counts.
    boundaries.after(
        shutil, "rmtree", writes=lambda path, **_: Path(path).exists() and "scratch" not in Path(path).parts
    )


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    boundaries = Boundaries(int(os.environ.get("KILL_AT", "0")), os.environ.get("STOP_AFTER", ""))
    wrap_writes(boundaries)
    print("ready", flush=True)
    home = sys.stdin.readline().strip()
    boundaries.here()
    function(Path(home), boundaries)
    sys.stdout.flush()
    print(f"done {boundaries.passed}", flush=True)


if __name__ == "__main__":
    main()
