"""Sources that are queries: each look reads what is new, and keeps it in the log of extracts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from etl_assets.connections import DatabaseError, DatabaseFault
from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.errors import ErrorKind, EtlError
from etl_assets.ledger.records import Finding
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.faults import told
from etl_assets.pipeline.scratch import intake_scratch
from etl_assets.staging.area import StagedObject
from etl_assets.staging.extracts.log import Entry, ExtractLog, Place, place_of
from etl_assets.staging.extracts.reading import Reader
from etl_assets.staging.extracts.results import Behind, Extract
from etl_assets.staging.extracts.rows import known_rows
from etl_assets.staging.query import Query
from etl_assets.staging.source import Mode, Source

NOT_EXTRACTED = "not_extracted"
BEHIND_WATERMARK = "behind_watermark"
AHEAD_OF_CLOCK = "ahead_of_clock"
EXTRACT_KINDS = (NOT_EXTRACTED, BEHIND_WATERMARK, AHEAD_OF_CLOCK)

_UNREACHABLE = (
    DatabaseFault.CREDENTIALS,
    DatabaseFault.TLS,
    DatabaseFault.ADDRESS,
    DatabaseFault.NO_DATABASE,
    DatabaseFault.TRANSIENT,
)

STATEMENT_SECONDS = 25.0
"""How long a sensor's look lets a statement run: a tick is killed after 60 s. `dq run` waits."""


@dataclass
class Extraction:
    """What looking into databases came to.

    Attributes:
        found: Extracts that the ledger may not know as they are: table, object.
        failed: Table -> why it could not be read.
    """

    found: list[tuple[str, StagedObject]] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)

    def sick(self, pipeline: DatasetPipeline) -> DatabaseError | None:
        """Why none of a dataset's sources can be reached; None if one can."""
        if not self.failed or len(self.failed) < len(pipeline.sources):
            return None
        found = [one for one in self.failed.values() if isinstance(one, DatabaseError)]
        unreachable = [one for one in found if one.fault in _UNREACHABLE]
        return unreachable[0] if len(unreachable) == len(self.failed) else None


def extract(pipeline: DatasetPipeline, *, seconds: float | None) -> Extraction:
    """Read what is new in the databases of a dataset's sources.

    What one source can't do keeps no other from being read: it becomes a finding.

    Args:
        pipeline: The dataset.
        seconds: Time after which no further read begins; None for no limit.
    """
    extraction = Extraction()
    queries = {table: source for table, source in pipeline.sources.items() if source.query is not None}
    if not queries or pipeline.extracts is None:
        return extraction
    deadline = None if seconds is None else time.monotonic() + seconds
    findings: list[Finding] = []
    unknown: set[tuple[str, str]] = set()
    for table, source in queries.items():
        assert source.query is not None
        work = _Work(pipeline, table, source, source.query, pipeline.extracts, deadline)
        found = _look(work, extraction)
        findings += [
            Finding(dataset=pipeline.name, kind=kind, message=message, table=table)
            for kind, message in found.items()
        ]
        unknown |= {(table, kind) for kind in EXTRACT_KINDS if kind not in work.answered}
    now = {(one.table, one.kind) for one in findings}
    before = pipeline.ledger.findings(pipeline.name, EXTRACT_KINDS)
    pipeline.ledger.resolve_findings([one for one in before if (one.table, one.kind) not in now | unknown])
    pipeline.ledger.report_findings(findings)
    return extraction


def _look(work: _Work, extraction: Extraction) -> dict[str, str]:
    """Read one source; what a person should know of it, by kind of finding."""
    findings: dict[str, str] = {}
    for step in (work.read, work.compare, work.register):
        try:
            findings |= step(extraction)
        except Exception as error:  # whatever it is, the other sources are read
            extraction.failed[work.table] = error
            findings[NOT_EXTRACTED] = work.told(error)
    return findings


@dataclass
class _Work:
    """One table's look into its database."""

    pipeline: DatasetPipeline
    table: str
    source: Source
    query: Query
    log: ExtractLog
    deadline: float | None
    answered: set[str] = field(default_factory=lambda: {NOT_EXTRACTED})

    def read(self, extraction: Extraction) -> dict[str, str]:
        """Read what is due, and put it into the log."""
        if not self._is_due("read", timedelta(minutes=self.query.every_minutes)):
            self.answered.discard(NOT_EXTRACTED)
            return {}
        findings: dict[str, str] = {}
        while True:
            with intake_scratch(self.pipeline.scratch, self.pipeline.name) as scratch:
                last = self._last()
                known = known_rows(self.log.window(last) if last else b"")
                read = self._reader.read(last, known, scratch)
                if read is not None:
                    self._keep(read, last)
            findings |= self._ahead(read)
            if read is None or not read.more or self._is_late():
                break
        self.answered.add(AHEAD_OF_CLOCK)
        self.pipeline.ledger.note_query_look(self.pipeline.name, self.table, "read")
        return findings

    def compare(self, extraction: Extraction) -> dict[str, str]:
        """Compare what is behind the watermark with what was read, if that is due."""
        wanted = self.query.watermark is not None and self.query.compare is not None
        if not wanted or self._is_late() or self.table in extraction.failed:
            return {}
        if not self._is_due("compared", timedelta(hours=self.query.compare_hours)):
            return {}
        last = self._last()
        if last is None:
            return {}
        if self.query.compare == "count":
            behind = self._reader.count(last)
        else:
            with intake_scratch(self.pipeline.scratch, self.pipeline.name) as scratch:
                (scratch / "rows").mkdir()
                behind, read = self._reader.read_behind(last, self._known(last, scratch), scratch / "rows")
                if read is not None:
                    # What may still change is what it was.
                    self._keep(read, last, window=last.window)
        self.pipeline.ledger.note_query_look(self.pipeline.name, self.table, "compared")
        self.answered.add(BEHIND_WATERMARK)
        message = self._difference(behind, last)
        return {BEHIND_WATERMARK: message} if message else {}

    def register(self, extraction: Extraction) -> dict[str, str]:
        """Find the extracts that the ledger may not know: new ones, or all of them where there is time."""
        ledger, name = self.pipeline.ledger, self.pipeline.name
        newest = ledger.newest_key(name, self.table) if self.deadline is not None else None
        objects = self.log.objects(self.table, place_of(newest) if newest else None)
        known = ledger.deliveries(name, self.table) if self.deadline is None else []
        by_place = {place_of(one.key): one for one in known}
        for place, key in self.log.entries(objects).items():
            if place.reading != self.query.reading:
                continue
            delivery = by_place.get(place)
            entry = None if delivery else self.log.entry(key)
            extract = delivery.key if delivery else entry.extract if entry else ""
            at = delivery.modified_ns if delivery else entry.modified_ns if entry else 0
            if extract in objects:
                extraction.found.append((self.table, replace(objects[extract], modified_ns=at)))
        return {}

    def told(self, error: Exception) -> str:
        """Say why it could not be read, without a cell."""
        if isinstance(error, DatabaseError) and "statement timeout" in str(error) and self.deadline:
            return (
                f"reading takes longer than the {STATEMENT_SECONDS:g} s of a sensor's look: run "
                f"`dq run {self.pipeline.name}`, which waits, or put an index on the watermark"
            )
        return told(error)

    # -- reading ------------------------------------------------------------------------------

    @property
    def _reader(self) -> Reader:
        connection = self.pipeline.connections[self.table]
        if self.deadline is not None:
            longest = min(connection.statement_seconds or STATEMENT_SECONDS, STATEMENT_SECONDS)
            connection = replace(connection, statement_seconds=longest)
        contract = self.pipeline.contract(TableId(Layer.BRONZE, self.table)).schema
        columns = {name: dtype for name, dtype in contract.items() if name not in PROVENANCE}
        where = {"dataset": self.pipeline.name, "table": self.table}
        return Reader(connection, self.source, columns, where)

    def _last(self) -> Entry | None:
        """The newest entry of the log.

        Raises:
            LostExtractsError: The ledger knows newer extracts than the log has.
        """
        newest = self.pipeline.ledger.newest_key(self.pipeline.name, self.table)
        known = place_of(newest) if newest else None
        # From the newest that is known on: of a long log, that is all that needs to be listed.
        before = Place(known.reading, max(known.number - 2, 0)) if known else None
        entries = self.log.entries(self.log.objects(self.table, before))
        if known is not None and known.reading > self.query.reading:
            raise LostExtractsError(
                f"`reading` of the query was {known.reading} and is now {self.query.reading}",
                where={"dataset": self.pipeline.name, "table": self.table},
                hint="It can only be raised",
            )
        same = known is not None and known.reading == self.query.reading
        if known is not None and same and (not entries or max(entries) < known):
            raise LostExtractsError(
                f"The log of extracts ends before {newest}, which was read from the database",
                where={"dataset": self.pipeline.name, "table": self.table, "log": self.log.area.url},
                hint="Restore the files, or raise `reading` of the query to read everything anew",
            )
        of_reading = [place for place in entries if place.reading == self.query.reading]
        return self.log.entry(entries[max(of_reading)]) if of_reading else None

    def _keep(self, read: Extract, last: Entry | None, *, window: str | None = None) -> None:
        """Put what was read into the log; another process may have been faster, and then its word counts."""
        place = read.entry.place
        assert read.file is not None
        if window is None and self.source.mode is not Mode.SNAPSHOT:
            window = self.log.put_window(self.table, place, read.window)
        extract = self.log.put_extract(self.table, place, read.file)
        if not self.log.commit(self.table, replace(read.entry, extract=extract, window=window)):
            self.log.forget(extract, window if last is None or window != last.window else None)
        elif last is not None and last.window != window:
            self.log.forget(last.window)

    def _ahead(self, read: Extract | None) -> dict[str, str]:
        if read is None or not read.ahead:
            return {}
        message = (
            f"{read.ahead} rows have a {self.query.watermark} more than a day ahead of the database's clock; "
            "they are read, and looked at again each time until then"
        )
        return {AHEAD_OF_CLOCK: message}

    # -- comparing ----------------------------------------------------------------------------

    def _known(self, last: Entry, scratch: Path) -> list[Path]:
        """All extracts of the reading that have the columns of the last, on this machine."""
        objects = self.log.objects(self.table)
        entries = (self.log.entry(key) for key in self.log.entries(objects).values())
        keys = [one.extract for one in entries if (one.reading, one.columns) == (last.reading, last.columns)]
        fetched = (self.log.area.fetch(key, objects[key].fingerprint, scratch) for key in keys)
        return [folder.local_path(key) for folder, key in zip(fetched, keys, strict=True)]

    def _difference(self, behind: Behind, last: Entry) -> str:
        found = []
        if behind.missing:
            found.append(
                f"{behind.missing} rows below {last.low} came late or were changed; they are read now"
            )
        more = behind.rows - last.behind
        # A row that is updated leaves its place: where rows are, fewer of them are as it should be.
        moves = self.source.mode is Mode.CORRECTION
        if behind.missing is None and more and not (moves and more < 0):
            what = f"{abs(more)} {'more' if more > 0 else 'fewer'} than were read"
            advice = "compare: content reads what is missing; a longer overlap keeps it from happening again"
            found.append(f"rows in the database below {last.low}: {behind.rows}, {what} ({advice})")
        if behind.unmarked:
            found.append(f"{behind.unmarked} rows have no {self.query.watermark} and are never read")
        return "; ".join(found)

    # -- time ---------------------------------------------------------------------------------

    def _is_due(self, kind: str, every: timedelta) -> bool:
        """Whether a look is due; whoever asks for a run reads at once."""
        if kind == "read" and self.deadline is None:
            return True
        at = self.pipeline.ledger.query_looked(
            self.pipeline.name, self.table, "read" if kind == "read" else "compared"
        )
        return at is None or self.pipeline.now() - at >= every

    def _is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline


class LostExtractsError(EtlError):
    """The log of extracts and the ledger don't agree: what was read before is gone."""

    kind = ErrorKind.CONFIGURATION
