"""Writes drafted files, all of them or none, and never over what somebody changed.

The first line of a generated file holds a checksum of the rest. While that fits, the file is as it was
written, and a new draft may replace it. As soon as one file of the dataset was changed, all of them are
left alone: they have to agree with each other. The new draft is then put beside them, as `*.suggested`; and
where that was edited too, as `*.suggested.1`, `*.suggested.2` ...

Nothing is written through a link: a file that is one counts as somebody's own, and a folder that is one must
lead to a place in the project. What is unfinished is written to a name that nobody could have taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
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
        suggested: Were changed by somebody: the draft is beside them, as the file that is named behind each.
        kept: Earlier suggestions that are of no use any more, and stay because somebody edited them.
    """

    new: list[str] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    suggested: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)


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
        EtlError: A file can't be written, or lies outside of the project by a link; then none was written.
    """
    for name in files:
        _check_inside(folder, name)
    texts = {name: marked(text) for name, text in files.items()}
    there = {name: _read(folder / name) for name in texts}
    changed = [name for name, text in there.items() if text != texts[name] and not _is_ours(folder / name)]
    written = Written()
    targets: dict[Path, str] = {}
    for name, text in texts.items():
        if there[name] == text:
            written.unchanged.append(name)
        elif changed:
            path = _free_suggestion(folder / name)
            written.suggested[name] = (Path(name).parent / path.name).as_posix()
            targets[path] = text
        else:
            (written.new if there[name] is None else written.refreshed).append(name)
            targets[folder / name] = text
    _replace_all(targets)
    if not changed:
        # What an earlier call suggested is of no use any more.
        for path in (one for name in texts for one in _suggestions(folder / name)):
            if _is_ours(path):
                path.unlink()
            else:
                written.kept.append(path.relative_to(folder).as_posix())
    return written


def _check_inside(folder: Path, name: str) -> None:
    """Refuse a file that a link would lead out of the project."""
    top = folder.resolve()
    meant = Path(os.path.normpath(top / name)).parent
    found = meant.resolve()
    if meant.is_relative_to(top) and not found.is_relative_to(top):
        raise EtlError(
            "The folder is a link that leads outside of the project; nothing was written",
            where={"folder": folder / Path(name).parent, "leads to": found},
            hint="Make it a folder, or draft the dataset there: --folder",
        )


def _is_ours(path: Path) -> bool:
    """Whether a file is missing, or as a draft left it; a link is somebody's own."""
    if path.is_symlink():
        return False
    text = _read(path)
    return text is None or is_untouched(text)


def _suggestions(path: Path) -> list[Path]:
    """The suggestions that are there for a file."""
    form = re.compile(re.escape(path.name + SUGGESTED) + r"(\.\d+)?")
    return sorted(one for one in path.parent.glob("*") if form.fullmatch(one.name))


def _free_suggestion(path: Path) -> Path:
    """Where a suggestion for a file can be put without replacing what somebody wrote."""
    number = 0
    while True:
        free = path.with_name(path.name + SUGGESTED + (f".{number}" if number else ""))
        if _is_ours(free):
            return free
        number += 1


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
            prepared[path] = _unfinished(path)
            # Never through a link: what is there under the name is an error.
            with prepared[path].open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
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


def _unfinished(path: Path) -> Path:
    """A name beside a file that is not looked at, and that nobody could have taken before."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")


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


State = tuple[int, int, int]
"""Size, time of the last change and inode of a file: what tells that it was written to meanwhile."""


def state_of(path: Path) -> State:
    """What a file's state is now."""
    return _state(path.stat())


def _state(found: os.stat_result) -> State:
    return found.st_size, found.st_mtime_ns, found.st_ino


def stage_files(
    staging: Path,
    paths: Mapping[str, Path],
    snapshots: list[str],
    looked_at: Mapping[Path, State] | None = None,
) -> list[str]:
    """Copy files into the staging folder, each whole at once; what is there with the same content is left.

    Args:
        staging: The dataset's staging folder.
        paths: Key below it -> file.
        snapshots: Keys of which the file changed last counts, in the order in which they were made: their
            copies are given times in this order.
        looked_at: The files' states at an earlier look: one that has changed since then still grows.

    Returns:
        The keys that were copied.

    Raises:
        EtlError: A file can't be copied, or another one is there already under its name; or files still
            grow: these are not staged, the others are.
    """
    copied: list[str] = []
    growing: list[str] = []
    for key, source in paths.items():
        target = staging / key
        try:
            if target.exists() and (target.samefile(source) or _same(source, target)):
                continue
            if os.path.lexists(target):
                raise EtlError(
                    "There is another file in the staging folder already",
                    where={"file": target},
                    hint="Nothing is overwritten there; move one of the two",
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            whole = _copy(source, target, (looked_at or {}).get(source))
        except OSError as error:
            told = error.strerror or type(error).__name__
            raise EtlError(f"The file can't be copied: {told}", where={"file": source}) from None
        (copied if whole else growing).append(key)
    _in_time_order([staging / key for key in snapshots if (staging / key).exists()])
    if growing:
        raise EtlError(
            "Files that still grow were not staged",
            where={"files": ", ".join(str(paths[key]) for key in growing)},
            hint="All else is done; call it again with --stage once they are whole",
        )
    return copied


def _copy(source: Path, target: Path, looked_at: State | None) -> bool:
    """Copy a file, whole at once; False, and nothing, if it was written to meanwhile."""
    unfinished = _unfinished(target)
    try:
        with source.open("rb") as given, unfinished.open("xb") as copy:
            before = _state(os.fstat(given.fileno()))
            shutil.copyfileobj(given, copy)
            size = copy.tell()
        if not (before == state_of(source) == (looked_at or before)) or size != before[0]:
            return False
        shutil.copystat(source, unfinished)
        unfinished.replace(target)
        return True
    finally:
        unfinished.unlink(missing_ok=True)


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
