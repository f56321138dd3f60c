"""Waiting no longer than one can afford, for what may never answer."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NoAnswerError(TimeoutError):
    """Something did not answer in time; it is left to itself."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do some work in a thread of its own, and give up waiting for it after so many seconds.

    What is given up goes on until its own timeouts end it: a system call that hangs can't be stopped. It must
    do no harm when it ends late.

    Raises:
        NoAnswerError: It took longer.
    """
    done: queue.SimpleQueue[tuple[bool, T | BaseException]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((True, work()))
        except BaseException as error:
            done.put((False, error))

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="within", daemon=True).start()
    try:
        good, found = done.get(timeout=max(seconds, 0.0))
    except queue.Empty:
        raise NoAnswerError(f"no answer within {seconds:.0f} s") from None
    if good:
        return found  # type: ignore[return-value]
    assert isinstance(found, BaseException)
    raise found
