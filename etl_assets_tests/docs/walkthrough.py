"""Pages of the documentation as something to execute: commands with their output, files, changes of files.

What a page shows is done in its order:

- a block `console`: lines after `$ ` are commands, the lines below a command are what it prints. `...` stands
  for anything within a line, on a line of its own for any lines. A comment `# exit code 1` says how it ends.
  A command without output below it has to end well, whatever it prints;
- a `{code-block}` with a `:caption:`: the whole content of the file of that name;
- a block `diff` whose first line is `--- <file>`: lines that go and come; lines around them have to be there.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from etl_assets.cli.main import app

COLUMNS = 100


@dataclass
class Command:
    """A command, what it is to print, and how it is to end."""

    text: str
    shown: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 unless the command's comment says otherwise."""
        said = re.search(r"# exit code (\d)", self.text)
        return int(said[1]) if said else 0


@dataclass
class File:
    """A file and its whole content."""

    path: str
    text: str


@dataclass
class Change:
    """A file, and the lines of it that become others."""

    path: str
    before: str
    after: str


Step = Command | File | Change

BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def steps(page: str) -> Iterator[Step]:
    """Return what a page shows, in its order."""
    for block in BLOCK.finditer(page):
        info, body = block["info"].strip(), block["body"]
        if info == "console":
            yield from commands(body.splitlines())
        elif info.startswith("{code-block}") and (caption := re.match(r":caption: (\S+)\n\n?", body)):
            yield File(caption[1], body[caption.end() :])
        elif info == "diff" and body.startswith("--- "):
            yield _change(body)


def commands(lines: list[str], prompt: str = "$ ") -> Iterator[Command]:
    """Return the commands of a block; a line that ends in a backslash goes on in the next one."""
    found: list[Command] = []
    goes_on = False
    for line in lines:
        if goes_on:
            found[-1].text += "\n" + line
        elif line.startswith(prompt):
            found.append(Command(line.removeprefix(prompt)))
        elif found:
            found[-1].shown.append(line.rstrip())
        goes_on = line.endswith("\\") and bool(found) and not found[-1].shown
    for command in found:
        while command.shown and not command.shown[-1]:
            command.shown.pop()
    return iter(found)


def _change(body: str) -> Change:
    head, *lines = body.splitlines()
    # Editors cut the single space of an empty line.
    marked = [(line[:1] or " ", line[1:]) for line in lines]
    before = "".join(f"{text}\n" for mark, text in marked if mark != "+")
    after = "".join(f"{text}\n" for mark, text in marked if mark != "-")
    return Change(head.removeprefix("--- "), before, after)


class Reader:
    """Somebody who does what a page says, in a folder of their own."""

    def __init__(self, place: Path, environment: Mapping[str, str] | None = None) -> None:
        self.place = place
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "DAGSTER_"))
        }
        self.environment = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": str(COLUMNS),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            **(environment or {}),
        }

    def follow(self, page: str) -> None:
        """Do all that a page says, and compare."""
        for step in steps(page):
            self.do(step)

    def do(self, step: Step) -> str:
        """Do one step, and compare what came of it; return what a command printed."""
        printed = ""
        if isinstance(step, File):
            path = self.place / step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, encoding="utf-8")
            self.written(path)
        elif isinstance(step, Change):
            self._change(step)
        else:
            code, printed = self.run(step.text)
            assert code == step.exit_code, f"$ {step.text}\nexit code {code}\n{printed}"
            assert not step.shown or is_shown(step.shown, printed), f"$ {step.text}\n{printed}"
        return printed

    def run(self, command: str) -> tuple[int, str]:
        """Run a command as a user does; return its exit code and all that it printed."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.place,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
        )
        return done.returncode, done.stdout

    def written(self, path: Path) -> None:
        """A file was written."""

    def _change(self, step: Change) -> None:
        path = self.place / step.path
        text = path.read_text(encoding="utf-8")
        assert text.count(step.before) == 1, f"{step.path} does not hold exactly once:\n{step.before}\n{text}"
        path.write_text(text.replace(step.before, step.after), encoding="utf-8")


class QuickReader(Reader):
    """Runs `dq` in this process, where it starts in no time, and waits for no file to settle.

    Everything else goes to a shell.
    """

    def __init__(self, place: Path, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(place, environment)
        self.clock = itertools.count(int(time.time()) - 3600)

    def written(self, path: Path) -> None:
        """Date a file back; a later one stays later."""
        moment = next(self.clock)
        os.utime(path, (moment, moment))

    def run(self, command: str) -> tuple[int, str]:
        """Run a command."""
        words = shlex.split(command, comments=True)
        if words[:1] != ["dq"] or {"|", ">", "&&"} & set(words):
            return super().run(command)
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("ETL_", "DAGSTER_"))]:
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.chdir(self.place)
            # A file may be written twice within the second that compiled code is dated with.
            patch.setattr(sys, "dont_write_bytecode", True)
            _forget(self.place)
            result = CliRunner().invoke(app, words[1:])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output


def _forget(folder: Path) -> None:
    """Let modules of a folder be imported anew, as a new process would."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def is_shown(shown: list[str], printed: str) -> bool:
    """Whether a command printed what a page shows of it."""
    pattern = ""
    for line in shown:
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += "[^\n]*".join(map(re.escape, line.split("..."))) + "\n"
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None
