"""JSON records become rows block by block, whatever they stand in."""

from __future__ import annotations

from typing import Any

from etl_assets.staging.breaches import Breach, BreachCode, header_breach
from etl_assets.staging.formats.converted import BLOCK_CHARACTERS, BLOCK_ROWS, ConvertedPart, TableWriter
from etl_assets.staging.formats.handler import Task
from etl_assets.staging.formats.json_fields import FieldPlan
from etl_assets.staging.formats.options import JsonRecordsFormat
from etl_assets.staging.unreadable import Rejects


class RecordWriter:
    """Takes the records of one delivery.

    Args:
        task: The delivery.
        rejects: Gets records with text that is none.
    """

    def __init__(self, task: Task, rejects: Rejects) -> None:
        assert isinstance(task.format, JsonRecordsFormat)
        self._task = task
        self._rejects = rejects
        self._plan = FieldPlan(task.format, task.columns)
        self._writer = TableWriter(task)
        self._lines: list[int] = []
        self._records: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._characters = 0
        self._any = False

    @property
    def full(self) -> bool:
        """Whether there is more wrong than needs to be known."""
        return self._rejects.overflow or self._plan.overflow

    def add(self, line: int, record: dict[str, Any], text: str) -> None:
        """Take one record."""
        self._lines.append(line)
        self._records.append(record)
        self._texts.append(text)
        self._characters += len(text)
        if len(self._lines) >= BLOCK_ROWS or self._characters >= BLOCK_CHARACTERS:
            self._flush()

    def finish(self) -> ConvertedPart | Breach:
        """Return the rows, or how the fields differ from the columns."""
        self._flush()
        rejected = self._rejects.records
        if not self._any and rejected:
            text = f"none of {len(rejected)} records is a JSON object; the first: {rejected[0].reason}"
            return Breach(BreachCode.FORMAT, text, (rejected[0].line,))
        # Without any record, nothing tells the fields.
        breach = self._field_breach() if self._any else None
        return breach or self._writer.part(rejected)

    def _field_breach(self) -> Breach | None:
        header = self._plan.header()
        breach = header_breach(header, self._task.columns, self._task.source, None)
        hidden = self._plan.hidden_fields()
        if breach is None and not hidden:
            return None
        message = "; ".join(filter(None, [breach.message if breach else "the header differs", hidden]))
        if set(self._task.columns) - set(header):
            message += "; columns that may be missing from all records are named under `optional`"
        return Breach(BreachCode.HEADER, message, self._plan.unknown_lines())

    def _flush(self) -> None:
        if not self._records:
            return
        self._any = True
        for line, record in zip(self._lines, self._records, strict=True):
            self._plan.note(record, line)
        try:
            cells = self._plan.cells(self._records, self._texts)
        except UnicodeEncodeError:
            self._reject_no_text()
            cells = self._plan.cells(self._records, self._texts)
        self._writer.write(self._lines, cells)
        self._lines, self._records, self._texts, self._characters = [], [], [], 0

    def _reject_no_text(self) -> None:
        """Give up the records that hold one half of a surrogate pair, which no encoding can write."""
        good = []
        for number, record in enumerate(self._records):
            try:
                self._plan.cells([record], [self._texts[number]])
                good.append(number)
            except UnicodeEncodeError:
                reason = "encoding: one half of a surrogate pair"
                self._rejects.add(self._lines[number], self._texts[number], reason)
        self._lines = [self._lines[number] for number in good]
        self._records = [self._records[number] for number in good]
        self._texts = [self._texts[number] for number in good]
