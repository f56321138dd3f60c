"""The Dockerfile, read as an engine reads it: its last stage's environment, files and entry point."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@dataclass
class Stage:
    """One stage: where it begins, and its instructions in order."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def last(self, name: str) -> str:
        return [words for said, words in self.instructions if said == name][-1]

    @property
    def environment(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for said, words in self.instructions:
            if said == "ENV":
                found |= dict(pair.split("=", 1) for pair in shlex.split(words))
        return found

    @property
    def copied(self) -> list[tuple[list[str], str]]:
        """What is copied from the project's folder: sources, and where to."""
        lines = [shlex.split(words) for said, words in self.instructions if said == "COPY"]
        return [(words[:-1], words[-1]) for words in lines if not words[0].startswith("--from")]


def stages() -> list[Stage]:
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    found: list[Stage] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, words = line.partition(" ")
        if name == "FROM":
            found.append(Stage(words))
        elif found:
            found[-1].instructions.append((name, words.strip()))
    return found


def entry_point() -> list[str]:
    said: list[str] = json.loads(stages()[-1].last("ENTRYPOINT"))
    return said


def lay_out(stage: Stage, root: Path) -> Path:
    """Do what COPY does, from the project's folder without what .dockerignore leaves out.

    Returns:
        The working directory, below `root`.
    """
    work = root / stage.last("WORKDIR").lstrip("/")
    for sources, target in stage.copied:
        folder = work / target
        for source in sources:
            path = ROOT / source
            assert path.exists(), f"COPY {source}: there is no such file"
            assert is_sent(source), f"COPY {source}: .dockerignore leaves it out"
            if path.is_dir():
                shutil.copytree(path, folder, dirs_exist_ok=True, ignore=_ignored)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder)
    return work


def is_sent(path: str) -> bool:
    """Whether an engine is sent a file of the project's folder; the last pattern that fits decides."""
    sent = True
    for line in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        names = parts if "**/" in line else above
        if line and not line.startswith("#") and any(fnmatch.fnmatchcase(one, pattern) for one in names):
            sent = line.startswith("!")
    return sent


def _ignored(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not is_sent(str((Path(folder) / name).relative_to(ROOT)))}
