"""Structured logs: every record says run, dataset, table and partition, and none says a secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TextIO

import structlog
from structlog.types import EventDict, Processor

ROOT = "etl_assets"
"""The logger above all of ours. The process's root logger is left to whoever owns the process."""

CONTEXT = ("run", "dataset", "table", "partition")
"""What every record says; null where it isn't known."""

_MASK = "**********"
_URL_PASSWORD = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@]*):[^\s/]+@")
# An immutable mapping as default: a ContextVar's default is shared by all contexts.
_context: ContextVar[tuple[tuple[str, object], ...]] = ContextVar("etl_assets_log_context", default=())


def get_logger(name: str) -> logging.Logger:
    """Return a logger for a module, to which it hands `__name__`.

    Facts go into `extra`, so that machines can read them: `logger.info("published", extra={"rows": 3})`.
    """
    return logging.getLogger(name if name.startswith(ROOT) else f"{ROOT}.{name}")


@contextmanager
def context(**facts: object) -> Iterator[None]:
    """Let every record inside the block say these facts, usually run, dataset, table, partition.

    Blocks nest, an inner fact hides the outer one. A new thread starts without them, unless it runs in
    `contextvars.copy_context()`.
    """
    token = _context.set(tuple((dict(_context.get()) | facts).items()))
    try:
        yield
    finally:
        _context.reset(token)


def configure(
    format: Literal["text", "json"] = "text",
    level: str = "info",
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send our records to a stream; called once by each program, a second call replaces the first.

    Args:
        format: `text` for people, `json` for one object a line.
        level: Nothing below it is written: debug, info, warning, error.
        secrets: Values that are masked wherever they turn up, tracebacks included.
        stream: Where to; standard error by default, so that standard output stays for results.
    """
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(_formatter(format, secrets, colors=format == "text" and target.isatty()))
    logger = logging.getLogger(ROOT)
    for old in list(logger.handlers):
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    # Else whoever configured the root logger would write each record again, unmasked.
    logger.propagate = False


def mask_url_passwords(text: str) -> str:
    """Return the text with the passwords of its URLs masked."""
    return _URL_PASSWORD.sub(rf"\g<before>:{_MASK}@", text)


def _formatter(format: str, secrets: Iterable[str], *, colors: bool) -> logging.Formatter:
    masked = _Masker(secrets)
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _add_context,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.StackInfoRenderer(),
    ]
    if format == "json":
        last: Processor = structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    else:
        shared.append(_drop_unknown)
        last = structlog.dev.ConsoleRenderer(
            colors=colors, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, masked, last],
    )


def _add_context(_: Any, __: str, event: EventDict) -> EventDict:
    for key, value in _context.get():
        event.setdefault(key, value)
    for key in CONTEXT:
        event.setdefault(key, None)
    return event


def _drop_unknown(_: Any, __: str, event: EventDict) -> EventDict:
    for key in CONTEXT:
        if event.get(key) is None:
            event.pop(key, None)
    return event


class _Masker:
    """Masks secrets in every text of a record."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: one secret may be a part of another.
        found = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, found))) if found else None

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:
        return {key: self._mask(value) for key, value in event.items()}

    def _mask(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, dict):
            return {self._text(str(key)): self._mask(item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._mask(item) for item in value]
        return self._text(str(value))

    def _text(self, text: str) -> str:
        text = mask_url_passwords(text)
        return self._secrets.sub(_MASK, text) if self._secrets else text
