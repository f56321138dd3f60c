"""Folders for what is not kept: unpacked files, spilled keys. What killed processes left is cleared away."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl_assets.ledger.records import Lease

_INTAKE = "intake-"
_ABANDONED_SECONDS = 6 * 3600.0


def hop_scratch(root: Path, attempt: str, lease: Lease) -> Path:
    """Make a folder for one hop, and clear away those of earlier leases of the dataset.

    Args:
        root: The folder of all scratch folders.
        attempt: The hop's name, which starts with the lease's token.
        lease: The right to work on the dataset: whoever held an earlier one can't publish any more.
    """
    own = root / lease.dataset
    own.mkdir(parents=True, exist_ok=True)
    clear_abandoned(root, lease)
    return Path(tempfile.mkdtemp(dir=own, prefix=f"{attempt}-"))


def clear_abandoned(root: Path, lease: Lease) -> None:
    """Delete the scratch folders of earlier leases of a dataset, and those of old looks into files."""
    own = root / lease.dataset
    for folder in own.iterdir() if own.exists() else ():
        if not folder.name.startswith(attempt_prefix(lease)) and _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def intake_scratch(root: Path, dataset: str) -> Iterator[Path]:
    """A folder for one look into a file; no lease is needed for that."""
    own = root / dataset
    own.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=own, prefix=_INTAKE) as folder:
        yield Path(folder)


def attempt_prefix(lease: Lease) -> str:
    """How the names of everything written under a lease begin."""
    return f"{lease.token:08d}-"


def _is_abandoned(folder: Path) -> bool:
    if not folder.name.startswith(_INTAKE):
        return True
    try:
        return time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS
    except OSError:
        return False
