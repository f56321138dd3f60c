from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, text

from etl_assets.errors import ErrorKind, LedgerError
from etl_assets.ledger import upgrade
from etl_assets.ledger.database import Database
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.schema import SCHEMA_VERSION, VERSION_TABLE, metadata
from etl_assets_tests.ledger.builders import Listed

OPEN = """
import sys
import threading
from etl_assets.ledger.ledger import Ledger
Ledger.open(sys.argv[1]).close()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"alembic", "dagster", "polars", "pandera"}))
"""


def test_the_migrations_make_what_the_code_expects(url: str) -> None:
    Ledger.open(url).close()
    database = Database(url)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        found = MetaData()
        found.reflect(connection)
    database.close()
    found.remove(found.tables[VERSION_TABLE])
    for name, table in metadata.tables.items():
        there = found.tables[name]
        assert [c.name for c in there.primary_key] == [c.name for c in table.primary_key], name
        assert {i.name for i in there.indexes} == {i.name for i in table.indexes}, name
        keys = {(f.parent.name, f.target_fullname, f.ondelete) for f in table.foreign_keys}
        assert {(f.parent.name, f.target_fullname, f.ondelete) for f in there.foreign_keys} == keys, name


def test_the_schema_version_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


def test_opening_again_changes_nothing(url: str) -> None:
    with Ledger.open(url) as ledger:
        ledger.record_listing("retail", [Listed("a.csv")])
    with Ledger.open(url) as ledger:
        assert list(ledger.seen_objects("retail")) == ["a.csv"]


def test_the_ledger_of_a_newer_version_is_left_alone(url: str) -> None:
    Ledger.open(url).close()
    database = Database(url)
    with database.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="newer version of etl_assets"):
        Ledger.open(url)
    with database.read() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == "9999"
    database.close()


def test_opening_imports_alembic_only_to_migrate_and_polars_never(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    run = [sys.executable, "-c", OPEN, url]
    first, second = (subprocess.run(run, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first.strip() == "['alembic']"
    assert second.strip() == "[]"


def test_migrating_is_quiet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Ledger.open(f"sqlite:///{tmp_path}/ledger.db").close()
    assert caplog.records == []


def test_missing_folders_are_made_and_odd_names_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "50% böse Namen" / "state" / "ledger.db"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.record_listing("retail", [Listed("a.csv")])
    assert path.exists()


def test_sqlite_is_set_up_for_many_processes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    upgrade.ensure_schema(database)
    with database.read() as connection:
        pragmas = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        ]
    database.close()
    assert pragmas == ["wal", 30_000, 1, 2]


def test_opening_waits_for_another_process_that_makes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # Before the file has a write-ahead log, switching to it fails at once while somebody writes.
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, lambda: other.execute("COMMIT"))
    release.start()

    Ledger.open(f"sqlite:///{path}").close()

    assert not other.in_transaction
    release.join()
    other.close()


def test_a_reader_does_not_wait_for_a_writer(url: str) -> None:
    with Ledger.open(url) as ledger:
        ledger.record_listing("retail", [Listed("a.csv")])
        database = Database(url)
        with database.write() as connection:
            connection.execute(text("DELETE FROM seen_objects"))
            assert list(ledger.seen_objects("retail")) == ["a.csv"]
        database.close()
        assert ledger.seen_objects("retail") == {}


def test_the_queries_of_one_read_see_the_same_instant(url: str) -> None:
    with Ledger.open(url) as ledger:
        database = Database(url)
        with database.read() as connection:
            count = text("SELECT count(*) FROM seen_objects")
            before = connection.execute(count).scalar()
            ledger.record_listing("retail", [Listed("a.csv")])
            assert connection.execute(count).scalar() == before == 0
        database.close()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("no url", "can't be understood"),
        ("mysql://canary-user:canary-word@host/db", "can't live in mysql"),
        ("postgresql+asyncpg://canary-user:canary-word@host/db", "can't live in"),
        ("postgresql://user:canary-word@host:port/db", "can't be understood"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_a_wrong_url_is_explained_without_repeating_it(wrong: str, message: str) -> None:
    with pytest.raises(LedgerError, match=message) as caught:
        Ledger.open(wrong)
    assert "canary" not in str(caught.value)
    assert "postgresql://user@host/database" in caught.value.hint


def test_an_at_sign_within_a_password_is_explained_without_repeating_it() -> None:
    with pytest.raises(LedgerError, match=r"more than one @.*%40") as caught:
        Ledger.open("postgresql://someone:one@canary-word@127.0.0.1:1/db")
    assert "canary" not in str(caught.value)


def test_threads_may_open_several_ledgers_at_once(tmp_path: Path) -> None:
    def open_one(number: int) -> int:
        with Ledger.open(f"sqlite:///{tmp_path}/{number}/ledger.db") as ledger:
            return len(ledger.record_listing("retail", [Listed("a.csv")]))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(open_one, range(16))) == [1] * 16


def test_a_database_that_is_not_there_is_explained_without_its_password() -> None:
    with pytest.raises(LedgerError, match="is it up") as caught:
        Ledger.open("postgresql://someone:canary-word@127.0.0.1:1/db?password=canary-word")
    assert "canary" not in str(caught.value)


def test_a_file_that_is_no_ledger_is_explained_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(f"sqlite:///{path}")
    assert path.read_bytes() == b"this is no database" * 100


def test_a_folder_that_can_not_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="folder can't be made"):
        Ledger.open(f"sqlite:///{tmp_path}/file/state/ledger.db")


def test_a_migration_that_fails_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        # The last thing that a migration does is to write down that it is done.
        patch.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            Ledger.open(url)
    database = Database(url)
    with database.read() as connection:
        found = MetaData()
        found.reflect(connection)
    database.close()
    assert set(found.tables) <= {VERSION_TABLE}
    Ledger.open(url).close()


def test_an_error_of_the_database_shows_no_values(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        with sqlite3.connect(path) as raw:
            raw.execute("DROP TABLE seen_objects")
        raw.close()
        with pytest.raises(LedgerError, match="no such table: seen_objects") as caught:
            ledger.record_listing("retail", [Listed("canary.csv")])
    assert "canary" not in str(caught.value) + str(caught.value.__cause__)


def test_a_ledger_that_can_only_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.check_writable()
    reader = f"sqlite:///file:{path}?mode=ro&uri=true"
    with Ledger.open(reader) as ledger, pytest.raises(LedgerError, match="readonly database") as caught:
        ledger.check_writable()
    assert caught.value.kind is ErrorKind.CONFIGURATION


def test_a_ledger_on_a_server_tells_the_servers_time(url: str) -> None:
    with Ledger.open(url) as ledger:
        ledger.check_writable()
        said = ledger.server_time()
    if url.startswith("sqlite"):
        assert said is None
    else:
        assert said is not None
        assert abs(datetime.now(UTC) - said) < timedelta(minutes=5)
