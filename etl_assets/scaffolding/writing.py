"""Writes drafted files, all of them or none, and never over what somebody changed.

The first line of a generated file holds a checksum of the rest. While that fits, the file is as it was
written, and a new draft may replace it. As soon as one file of the dataset was changed, all of them are
left alone: they have to agree with each other. The new draft is then put beside them, as `*.suggested`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from etl_assets.errors import EtlError

SUGGESTED = ".suggested"

_MARK = "# Drafted by dq new ({}). Change what you like: changed files are left alone."
_FIRST_LINE = re.compile(re.escape(_MARK).replace(r"\{\}", "([0-9a-f]{12})"))


@dataclass
class Written:
    """What became of the files, by their paths below the folder.

    Attributes:
        new: Were not there.
        refreshed: Were as an earlier draft had left them.
        unchanged: Are what was drafted.
        suggested: Were changed by somebody: the draft is beside them.
    """

    new: list[str] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    suggested: list[str] = field(default_factory=list)


def marked(text: str) -> str:
    """A file's text with the line that tells whether it was changed."""
    return f"{_MARK.format(_checksum(text))}\n{text}"


def is_untouched(text: str) -> bool:
    """Whether a file is as a draft left it."""
    first, _, rest = text.partition("\n")
    found = _FIRST_LINE.fullmatch(first)
    return found is not None and found[1] == _checksum(rest)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write_files(folder: Path, files: Mapping[str, str]) -> Written:
    """Write drafted files below a folder.

    Args:
        folder: The project's folder.
        files: Path below it -> text, without the first line.

    Raises:
        EtlError: A file can't be written; then none was.
    """
    texts = {name: marked(text) for name, text in files.items()}
    there = {name: _read(folder / name) for name in texts}
    changed = [
        name for name, text in there.items() if text not in (None, texts[name]) and not is_untouched(text)
    ]
    written = Written()
    targets: dict[Path, str] = {}
    for name, text in texts.items():
        if there[name] == text:
            written.unchanged.append(name)
        elif changed:
            written.suggested.append(name)
            targets[folder / (name + SUGGESTED)] = text
        else:
            (written.new if there[name] is None else written.refreshed).append(name)
            targets[folder / name] = text
    _replace_all(targets)
    if not changed:
        for name in texts:
            # What an earlier call suggested is of no use any more.
            (folder / (name + SUGGESTED)).unlink(missing_ok=True)
    return written


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "it is no text"
        raise EtlError(f"The file can't be read: {told}", where={"file": path}) from None


def _replace_all(targets: Mapping[Path, str]) -> None:
    """Write beside each target first; only when all of that worked is anything replaced."""
    before = {path: path.read_bytes() if path.exists() else None for path in targets}
    prepared: dict[Path, Path] = {}
    done: list[Path] = []
    made: list[Path] = []
    path = next(iter(targets), Path())
    try:
        for path, text in targets.items():
            made += _make_folder(path.parent)
            prepared[path] = path.with_name(f".{path.name}.new")
            prepared[path].write_text(text, encoding="utf-8", newline="\n")
        for path, temporary in prepared.items():
            temporary.replace(path)
            done.append(path)
    except OSError as error:
        for one in done:
            _restore(one, before[one])
        for temporary in prepared.values():
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        told = error.strerror or type(error).__name__
        raise EtlError(f"The file can't be written, and nothing was: {told}", where={"file": path}) from None


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(content)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and what is missing above it; return what was made, the outermost first."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


# -- staging ------------------------------------------------------------------------------------------


def stage_files(staging: Path, paths: Mapping[str, Path], snapshots: list[str]) -> list[str]:
    """Copy files into the staging folder, each whole at once; what is there with the same content is left.

    Args:
        staging: The dataset's staging folder.
        paths: Key below it -> file.
        snapshots: Keys of which the file changed last counts, in the order in which they were made: their
            copies are given times in this order.

    Returns:
        The keys that were copied.

    Raises:
        EtlError: A file can't be copied, or another one is there already under its name.
    """
    copied = []
    for key, source in paths.items():
        target = staging / key
        try:
            if target.exists():
                if target.samefile(source) or _same(source, target):
                    continue
                raise EtlError(
                    "There is another file in the staging folder already",
                    where={"file": target},
                    hint="Nothing is overwritten there; move one of the two",
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            # A name with a dot in front is not looked at until the copy is whole.
            unfinished = target.with_name(f".{target.name}.part")
            shutil.copy2(source, unfinished)
            unfinished.replace(target)
        except OSError as error:
            told = error.strerror or type(error).__name__
            raise EtlError(f"The file can't be copied: {told}", where={"file": source}) from None
        copied.append(key)
    _in_time_order([staging / key for key in snapshots if (staging / key).exists()])
    return copied


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    return _sha256(one) == _sha256(other)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_time_order(paths: list[Path]) -> None:
    """Of a list that is sent whole the newest counts; copying and unpacking may have mixed up the times."""
    times = [path.stat().st_mtime_ns for path in paths]
    if all(a <= b for a, b in pairwise(times)):
        return
    last = max(times)
    for number, path in enumerate(reversed(paths)):
        moment = last - number * 1_000_000_000
        os.utime(path, ns=(moment, moment))
