"""Puts files into a staging area so that nobody ever sees half a file."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Placed:
    """What was put into a staging area.

    Attributes:
        new: Files that were not there.
        changed: Files that were there with other content.
        unchanged: Files that were there already, byte for byte; they were not touched.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def files(self) -> int:
        """All files."""
        return self.new + self.changed + self.unchanged


@contextmanager
def workshop(staging: Path) -> Iterator[Path]:
    """Give a folder beside the staging area to write in; it is gone afterwards.

    Beside and not within, so that no sensor sees it; on the same disk, so that a file is put into
    place by a rename.
    """
    staging.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=staging.resolve().parent, prefix=f".{staging.name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def place(folder: Path, staging: Path) -> Placed:
    """Move all files of a folder to the same places in a staging area, each in one step.

    A file that is there already with the same content is left as it is: to a sensor it is not new.
    """
    counts = {"new": 0, "changed": 0, "unchanged": 0}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        target = staging / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        exists = target.exists()
        if exists and filecmp.cmp(file, target, shallow=False):
            counts["unchanged"] += 1
            continue
        counts["changed" if exists else "new"] += 1
        file.replace(target)
    return Placed(**counts)
