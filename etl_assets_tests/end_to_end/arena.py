"""Starts victims, two at a time, and the next ones' imports while they work."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

ROOT = Path(__file__).parents[2]

T, R = TypeVar("T"), TypeVar("R")


@dataclass
class Victim:
    """A started worker; it has imported everything once `wait_ready` returns."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, work: str, *, kill_at: int = 0, env: dict[str, str] | None = None) -> Victim:
        process = subprocess.Popen(
            [sys.executable, "-m", "etl_assets_tests.end_to_end.victim", work],
            cwd=ROOT,
            env={**os.environ, "KILL_AT": str(kill_at), "POLARS_MAX_THREADS": "2", **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return cls(process)

    def wait_ready(self) -> Victim:
        assert self.process.stdout
        said = self.process.stdout.readline()
        if said != "ready\n":
            raise AssertionError(self.process.communicate()[1])
        return self

    def go(self, home: Path) -> Victim:
        assert self.process.stdin
        self.process.stdin.write(f"{home}\n")
        self.process.stdin.flush()
        return self

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int | None:
        """Wait for its end: the number of boundaries that it passed, or None if it was killed."""
        out, err = self.process.communicate(timeout=180)
        if self.process.returncode == -signal.SIGKILL:
            return None
        assert self.process.returncode == 0, err
        return int(out.splitlines()[-1].removeprefix("done "))

    def wait_stopped(self) -> Victim:
        """Wait until it has stopped itself."""
        deadline = time.monotonic() + 60
        while psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "it did not stop"
            assert self.process.poll() is None, "it came to its end without a stop"
            time.sleep(0.02)
        return self

    def fail(self) -> str:
        """Wait for its end, which is a failure: what it said of it."""
        _, err = self.process.communicate(timeout=180)
        assert self.process.returncode == 1, (self.process.returncode, err)
        return err

    def kill_after(self, seconds: float) -> int | None:
        time.sleep(seconds)
        self.process.kill()
        return self.end()


def copy_home(template: Path, home: Path) -> Path:
    """A home with the same deliveries and state, times included; nobody may be at work in it."""
    shutil.copytree(template, home)
    return home


def two_at_a_time(function: Callable[[T], R], cases: Iterable[T]) -> list[R]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, cases))
