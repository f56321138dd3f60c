"""What `dq` prints: results on standard output, everything else on standard error.

Whatever comes from data, files or databases passes through `plain`: terminals and Rich's markup
understand commands that a cell or a file's name may contain.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from rich.box import Box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 120
"""Columns where standard output is no terminal and COLUMNS does not say."""

BROKEN_PIPE = 141
"""Exit code when nobody reads any more, as of a program that SIGPIPE ended."""

# One thin line below the headings, nothing else.
_RULE_BELOW_HEAD = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
_PLAIN_RULE = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        self.quiet = True
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # Python flushes it when it exits
        raise SystemExit(BROKEN_PIPE)


def results() -> Console:
    """Standard output."""
    piped = not sys.stdout.isatty() and not os.environ.get("COLUMNS")
    return _Console(width=PIPED_WIDTH if piped else None, highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """Standard error: for progress, errors and remarks."""
    piped = not sys.stderr.isatty() and not os.environ.get("COLUMNS")
    return _Console(
        stderr=True,
        width=PIPED_WIDTH if piped else None,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=piped,
    )


def speaks_unicode(console: Console) -> bool:
    """Whether bars, marks and lines beyond ASCII can be printed."""
    return console.encoding.lower().replace("-", "") in ("utf8", "utf16", "utf32")


# -- text -------------------------------------------------------------------------------------


def plain(value: object) -> str:
    """Make text harmless: what does not print is spelled out, as an escape sequence."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def cell(value: object, style: str = "") -> Text:
    """A table's cell: harmless text, never read as markup."""
    return Text("" if value is None else plain(value), style=style)


def lines(value: object, style: str = "") -> Text:
    """Harmless text that keeps its line breaks."""
    return Text("\n".join(plain(line) for line in str(value).split("\n")), style=style)


def number(value: int | None) -> str:
    """A count with separators; `-` for unknown."""
    return "-" if value is None else f"{value:,}"


def percent(share: float | None) -> str:
    """A share, 0..1, in percent; rounded down, so that 100 means all of it."""
    if share is None:
        return "?"
    # Ten thousandths first: 0.95 * 1000 is a rounding error below 950.
    tenths = int(round(share * 1000, 6))
    return "100" if tenths >= 1000 else f"{tenths / 10:.1f}"


def moment(at: datetime | None) -> str:
    """A time for people, in UTC."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def iso(at: datetime | None) -> str | None:
    """A time for machines: ISO 8601 in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def duration(seconds: float | None) -> str:
    """How long something took."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=int(seconds)))


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def listed(names: Sequence[str], limit: int = 3) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(plain(name) for name in names[:limit])
    return shown + (f" and {len(names) - limit:,} more" if len(names) > limit else "")


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 partition`, `2 partitions`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


# -- tables and JSON --------------------------------------------------------------------------


def grid(*headings: str, right: Iterable[str] = (), unicode: bool = True) -> Table:
    """A table in the house's look: quiet headings, one thin line, no frame."""
    table = Table(
        box=_RULE_BELOW_HEAD if unicode else _PLAIN_RULE, header_style="bold", show_edge=False, pad_edge=False
    )
    table.padding = (0, 1, 0, 0)
    table.border_style = "dim"
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="ellipsis")
    return table


def facts(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Names and values below each other."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table


def print_json(data: object) -> None:
    """Print one JSON document, and nothing else, on standard output."""
    # ASCII: neither a terminal's commands nor its encoding can get in the way.
    sys.stdout.write(json.dumps(data, indent=2, default=_jsonable, allow_nan=False) + "\n")
    sys.stdout.flush()


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    if isinstance(value, Decimal | Path):
        return str(value)
    return str(value)
