"""Examines deliveries in a process beside ours, where a library may end the process over a damaged file.

The libraries for Parquet, Arrow and Excel ask for as much memory as a damaged file says it needs, and end
the process when there is none; no handler can keep that from happening.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import etl_assets
from etl_assets.errors import StagingError
from etl_assets.staging.area import VanishedError
from etl_assets.staging.bytestream import HashedReader
from etl_assets.staging.content import Content, Encoding, format_fingerprint
from etl_assets.staging.examination import examine
from etl_assets.staging.formats.options import Format, TextFormat

_FAULTS = ("SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")
_ENDED_ITSELF = {-getattr(signal, name) for name in _FAULTS if hasattr(signal, name)}
_WINDOWS_FAULT = 0xC0000000


class Examiner:
    """Examines many deliveries, of which none can end this process.

    The other process is started with the first file that needs it, serves all that follow, and is started
    anew after a file that ended it. Text is examined here.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def examine(self, path: Path, format: Format) -> Content:
        """Return what a file holds; of one that ends the process that reads it, that it is damaged.

        Raises:
            VanishedError: The file is not there.
            StagingError: It can't be read just now.
        """
        if isinstance(format, TextFormat):
            return examine(path, format)
        try:
            process = self._process = self._process or _started()
            assert process.stdin is not None
            assert process.stdout is not None
            pickle.dump((path, format), process.stdin)
            process.stdin.flush()
            found = pickle.load(process.stdout)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            return _damaged(path, format, self._end())
        except BaseException:
            self._end()  # else the next file would be given this one's answer
            raise
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Content)
        return found

    def _end(self) -> int:
        """End the process, and return its status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            return process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _started() -> subprocess.Popen[bytes]:
    # The folder that this package was imported from comes first, so that both run the same code.
    places = [str(Path(etl_assets.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(place for place in places if place)
    return subprocess.Popen(
        # Not what lies in the working folder (-P); and what a library says on its end may quote cells.
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": path, "RUST_BACKTRACE": "0"},
    )


def _damaged(path: Path, format: Format, status: int) -> Content:
    """Say what is known of a file that ended the process.

    Raises:
        StagingError: It was ended from outside, or did not start: the file may be a good one.
    """
    if status not in _ENDED_ITSELF and status < _WINDOWS_FAULT:
        raise StagingError(
            f"The process that looks into the file ended with status {status}",
            where={"file": path.name},
            hint="It is tried again; status -9 mostly means that the memory is too small",
        )
    try:
        with HashedReader(path.open("rb", buffering=0)) as reader:
            sha256 = reader.sha256()
    except FileNotFoundError:
        raise VanishedError("The file is no longer there", where={"file": path.name}) from None
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"status {status}"
    damage = f"it is no intact {format.type} file: the program that reads it breaks down ({name})"
    return Content(
        sha256=sha256,
        size=reader.size,
        format=format_fingerprint(format),
        encoding=Encoding.BINARY,
        damage=damage,
    )


# -- the other process ------------------------------------------------------------------------


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    while True:
        try:
            path, format = pickle.load(requests)
        except EOFError:
            return
        found: Content | Exception
        try:
            found = examine(path, format)
        except StagingError as error:
            found = error
        pickle.dump(found, answers)
        answers.flush()


def _stand_back() -> None:
    """Leave no image of customers' data behind, and be the first to go when memory runs out."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def main() -> None:
    """Examine what is asked for on standard input, until that is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints something must not spoil an answer
    _stand_back()
    with suppress(KeyboardInterrupt, BrokenPipeError):
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
