"""Progress bars of a run, one a table."""

from __future__ import annotations

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

from etl_assets.cli.output import plain, speaks_unicode

if TYPE_CHECKING:
    from etl_assets.contracts.dataset import TableId


class Bars:
    """Bars on a terminal, gone when the work is done; what is logged meanwhile stays above them."""

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

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._progress.stop()

    def tell(self, what: str, table: TableId | None, done: int, total: int) -> None:
        """Say what is going on; with a table, how many of its partitions are done."""
        if table is not None:
            self._update(str(table), done, total)
            return
        self._progress.update(self._stage, description=f"{plain(what):<28}")
        # Another run begins: its bars take the place of the last one's.
        for task in self._tables.values():
            self._progress.remove_task(task)
        self._tables = {}

    def _update(self, table: str, done: int, total: int) -> None:
        if table not in self._tables:
            self._tables[table] = self._progress.add_task(f"{plain(table):<28}", total=total, count="")
        count = f"{done:,} of {total:,}"
        self._progress.update(self._tables[table], completed=done, total=total, count=count)
