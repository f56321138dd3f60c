from __future__ import annotations

import threading
from pathlib import Path

import pytest

from etl_assets.errors import LedgerError
from etl_assets.ledger.ledger import Ledger
from etl_assets_tests.ledger.builders import Clock, delivery, record


@pytest.fixture
def sqlite_ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger.open(f"sqlite:///{tmp_path}/ledger.db", now=clock)


def test_a_copy_is_a_whole_ledger(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    sqlite_ledger.register_deliveries([delivery("d1")])
    lease = sqlite_ledger.acquire_lease("retail", "run", 60)
    sqlite_ledger.record_validations([record()], lease)

    sqlite_ledger.back_up(tmp_path / "backups" / "copy.db")

    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["copy.db"]
    with Ledger.open(f"sqlite:///{tmp_path}/backups/copy.db") as copy:
        assert copy.validations("retail") == sqlite_ledger.validations("retail")
        assert copy.deliveries() == sqlite_ledger.deliveries()


def test_an_older_copy_is_replaced(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    sqlite_ledger.back_up(file)
    sqlite_ledger.register_deliveries([delivery("d1")])
    sqlite_ledger.back_up(file)
    with Ledger.open(f"sqlite:///{file}") as copy:
        assert len(copy.deliveries()) == 1


def test_a_copy_is_of_one_instant_while_others_write(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    """Each transaction registers two deliveries: a copy with an odd number would be torn."""
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            pair = [delivery(f"{number}-{n}", key=f"{number}-{n}.csv") for n in range(2)]
            sqlite_ledger.register_deliveries(pair)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(10):
            sqlite_ledger.back_up(tmp_path / f"{n}.db")
    finally:
        done.set()
        writer.join()
    for n in range(10):
        with Ledger.open(f"sqlite:///{tmp_path}/{n}.db") as copy:
            assert len(copy.deliveries()) % 2 == 0


def test_a_folder_that_can_not_be_written_is_told(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="can't be written"):
        sqlite_ledger.back_up(tmp_path / "file" / "copy.db")


@pytest.mark.slow
def test_postgresql_has_its_own_programs_for_that(postgres_url: str, tmp_path: Path) -> None:
    with Ledger.open(postgres_url) as ledger, pytest.raises(LedgerError) as caught:
        ledger.back_up(tmp_path / "copy.db")
    assert "pg_dump" in caught.value.hint
