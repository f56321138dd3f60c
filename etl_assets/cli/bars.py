"""Progress bars of a run, one a table, fed by the log."""

from __future__ import annotations

import io
import json
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from etl_assets.cli.output import cell, plain, speaks_unicode

if TYPE_CHECKING:
    from etl_assets.contracts.dataset import TableId


class Bars:
    """Bars on a terminal, gone when the work is done; warnings of the log stay above them."""

    def __init__(self, console: Console) -> None:
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24, complete_style="cyan", finished_style="green", pulse_style="cyan"),
            TextColumn("{task.fields[count]}", markup=False, justify="right"),
            TimeElapsedColumn(),
        ]
        if speaks_unicode(console):
            columns.insert(0, SpinnerColumn(finished_text=" "))
        self._progress = Progress(*columns, console=console, transient=True)
        self._stage = self._progress.add_task(f"{'starting':<28}", total=None, count="")
        self._tables: dict[str, TaskID] = {}
        self._run = ""
        self.log = _LogStream(self)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._progress.stop()

    def tell(self, what: str, table: TableId | None, done: int, total: int) -> None:
        """Say what is going on; with a table, how many of its partitions are done."""
        if table is None:
            self._progress.update(self._stage, description=f"{plain(what):<28}")
        else:
            self._update(str(table), done, total)

    def read(self, record: dict[str, object]) -> None:
        """Take note of one record of the log."""
        table, run = record.get("table"), str(record.get("run") or "")
        if run != self._run:
            # Another run begins: its bars take the place of the last one's.
            for task in self._tables.values():
                self._progress.remove_task(task)
            self._tables, self._run = {}, run
        if record.get("event") == "building" and table:
            self._update(str(table), 0, _count(record.get("partitions")))
        elif record.get("event") == "progress" and table:
            self._update(str(table), _count(record.get("done")), _count(record.get("total")))
        elif record.get("level") in ("warning", "error", "critical"):
            places = [str(record[key]) for key in ("dataset", "table", "partition") if record.get(key)]
            told = " ".join([str(record.get("event")), *places, str(record.get("error_class") or "")])
            self._progress.console.print(cell(told.strip(), "yellow"))

    def _update(self, table: str, done: int, total: int) -> None:
        if table not in self._tables:
            self._tables[table] = self._progress.add_task(f"{plain(table):<28}", total=total, count="")
        count = f"{done:,} of {total:,}"
        self._progress.update(self._tables[table], completed=done, total=total, count=count)


class _LogStream(io.StringIO):
    """Where JSON logs are written to: each line is a record for the bars."""

    def __init__(self, bars: Bars) -> None:
        super().__init__()
        self._bars = bars
        self._rest = ""

    def write(self, text: str, /) -> int:
        *full, self._rest = (self._rest + text).split("\n")
        for line in full:
            if line.startswith("{"):
                self._bars.read(json.loads(line))
        return len(text)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
