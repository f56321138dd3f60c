"""Whatever happens in the database and to us, each version of a row that a look could see arrives once."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from etl_assets.staging.examination import examine
from etl_assets.staging.extracts.log import Entry, ExtractLog
from etl_assets_tests.postgres.erp import ORDERS, SILVER, TABLES, Erp, orders_source

pytestmark = pytest.mark.slow

Row = tuple[float, int]
"""Minute of the watermark, amount."""

OVERLAP = 10


class KilledError(BaseException):
    """No handler keeps a process from being killed."""


class Interleavings(RuleBasedStateMachine):
    folder: ClassVar[Path]
    make_database: ClassVar[Callable[[], str]]
    url: ClassVar[str]

    @initialize(max_rows=st.sampled_from([3, 1_000_000]))
    def start(self, max_rows: int) -> None:
        home = self.folder / uuid4().hex
        home.mkdir()
        self.erp = Erp(home, self.url, orders_source(max_rows=max_rows, compare=None))
        self.erp.sql(f"DROP SCHEMA IF EXISTS shop CASCADE; {TABLES}")
        self.rows: dict[int, Row] = {}
        self.seen: dict[int, list[Row]] = {}
        self.top = 0.0

    # -- the database -------------------------------------------------------------------------

    @rule(minutes=st.integers(0, 15), amount=st.integers(1, 99), late=st.integers(1, OVERLAP - 1))
    def insert(self, minutes: int, amount: int, late: int) -> None:
        self._put(len(self.rows) + 1, self.top + minutes, amount)
        self.look(20.0)
        self._put(len(self.rows) + 1, self.top - late, amount)

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), amount=st.integers(1, 3))
    def update_in_place(self, data: st.DataObject, amount: int) -> None:
        within = [id for id, (minute, _) in self.rows.items() if minute > self.top - OVERLAP]
        if within:
            id = data.draw(st.sampled_from(sorted(within)))
            self._put(id, self.rows[id][0], amount)

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), minutes=st.integers(1, 15), amount=st.integers(1, 99))
    def update_and_stamp(self, data: st.DataObject, minutes: int, amount: int) -> None:
        self._put(data.draw(st.sampled_from(sorted(self.rows))), self.top + minutes, amount)

    def _put(self, id: int, minute: float, amount: int) -> None:
        self.erp.put(id, minute, amount=amount)
        self.rows[id] = (minute, amount)

    # -- ourselves ----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([None, 20.0]))
    def look(self, seconds: float | None) -> None:
        with self._watched():
            self.erp.look(seconds)
        assert "not_extracted orders" not in self.erp.findings()

    @rule(
        at=st.sampled_from(["put_window", "put_extract", "commit", "forget", "after commit", "register"]),
        reopen=st.booleans(),
    )
    def look_and_be_killed(self, at: str, reopen: bool) -> None:
        with self._watched() as patch:
            if at == "register":
                patch.setattr("etl_assets.pipeline.intake._register", _killed)
            elif at == "after commit":
                patch.setattr("etl_assets.pipeline.extraction._Work.register", _killed)
            else:
                patch.setattr(ExtractLog, at, _killed)
            with contextlib.suppress(KilledError):
                self.erp.look()
        if reopen:
            self.erp.open()

    @rule()
    def lose_the_ledger_and_build(self) -> None:
        (self.erp.home / "ledger.db").unlink()
        self.erp.now += timedelta(hours=1)
        self.erp.open()
        self.build()

    @rule()
    def build(self) -> None:
        with self._watched():
            self.erp.work()

    def _watched(self) -> Any:
        """Note what each read that counts could see; examine files here, which takes no process."""
        return _Watch(self)

    def committed(self, entry: Entry) -> None:
        """A read counts: it saw the rows up to its highest watermark."""
        top = _minutes(entry.top or "")
        for id, row in self.rows.items():
            versions = self.seen.setdefault(id, [])
            if row[0] <= top and versions[-1:] != [row]:
                versions.append(row)
        self.top = max(self.top, top)

    def teardown(self) -> None:
        if not hasattr(self, "erp"):
            return
        self.build()
        read = [
            (id, (_minute(at), int(amount)))
            for one in self.erp.extracted()
            for id, at, _, amount, _ in one.elements()
        ]
        found: dict[int, list[Row]] = {}
        for id, row in read:
            found.setdefault(id, []).append(row)
        assert found == {id: versions for id, versions in self.seen.items() if versions}
        assert {id: versions[-1] for id, versions in found.items()} == self.rows
        assert self.erp.rows(ORDERS, ["id"]) == Counter((id,) for id, _ in read)
        amounts = self.erp.rows(SILVER, ["id", "amount"])
        assert amounts == Counter((id, Decimal(amount)) for id, (_, amount) in self.rows.items())


class _Watch:
    def __init__(self, machine: Interleavings) -> None:
        self._machine = machine
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> pytest.MonkeyPatch:
        commit, machine = ExtractLog.commit, self._machine

        def watched(log: ExtractLog, table: str, entry: Entry) -> bool:
            made = commit(log, table, entry)
            if made and table == "orders":
                machine.committed(entry)
            return made

        self._patch.setattr(ExtractLog, "commit", watched)
        self._patch.setattr("etl_assets.staging.examiner.Examiner.examine", lambda _, *given: examine(*given))
        return self._patch

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


def _killed(*_: object, **__: object) -> None:
    raise KilledError


def _minute(at: Any) -> float:
    return (at.hour - 12) * 60 + at.minute + at.second / 60 + (at.day - 5) * 1440


def _minutes(text: str) -> float:
    return _minute(pl.Series([text[:19]]).str.to_datetime("%Y-%m-%d %H:%M:%S")[0])


def test_each_version_of_a_row_arrives_once(
    tmp_path_factory: pytest.TempPathFactory, make_database: Callable[[], str]
) -> None:
    Interleavings.folder = tmp_path_factory.mktemp("interleavings")
    Interleavings.url = make_database()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Interleavings,
        settings=settings(
            max_examples=4,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
