"""Killed with SIGKILL after every step of publishing, and the database stopped in the middle of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import make_url

from etl_assets.connections import Connection
from etl_assets.ledger.writing_records import WritingOutcome
from etl_assets_tests.end_to_end import desk
from etl_assets_tests.end_to_end.arena import Victim, copy_home, two_at_a_time
from etl_assets_tests.publications.material import ask
from etl_assets_tests.publications.works import lay_out, lay_out_more, open_tiny, published, save
from etl_assets_tests.servers import start_postgres

pytestmark = pytest.mark.slow

WORK = "etl_assets_tests.publications.works:publish"


def build_first(home: Path, connection: Connection) -> None:
    """Nothing was ever published."""
    lay_out(home)
    desk.work(open_tiny(home, connection, "before", declared={}))


def build_second(home: Path, connection: Connection) -> None:
    """Something is published; one day was delivered anew since, and another one has come."""
    lay_out(home)
    desk.work(open_tiny(home, connection, "before"))
    lay_out_more(home)
    desk.work(open_tiny(home, connection, "before", declared={}))


def copy_schema(connection: Connection, schema: str) -> None:
    """A schema that holds what the schema `before` does."""
    ask(connection, f"CREATE SCHEMA {schema}")
    tables = ask(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'before'")
    for (table,) in tables:
        ask(connection, f"CREATE TABLE {schema}.{table} (LIKE before.{table} INCLUDING ALL)")
        ask(connection, f"INSERT INTO {schema}.{table} TABLE before.{table}")


@pytest.mark.parametrize("build", [build_first, build_second], ids=["first", "second"])
def test_killed_after_every_step(
    build: Callable[[Path, Connection], None], warehouse: Connection, tmp_path: Path
) -> None:
    template = tmp_path / "template"
    ask(warehouse, "CREATE SCHEMA before")
    build(template, warehouse)
    old = published(template, warehouse, "before")

    def go(number: int) -> tuple[Path, str, int | None]:
        schema = f"case{number}"
        victim = Victim.start(WORK, env={"PUBLISH_KILL_AT": str(number)})
        copy_schema(warehouse, schema)
        home = copy_home(template, tmp_path / schema)
        save(home, warehouse, schema)
        return home, schema, victim.wait_ready().go(home).end()

    home, schema, lived = go(0)
    assert lived is not None
    steps = int((home / "passed").read_text())
    assert steps > 7
    new = published(home, warehouse, schema)
    assert new[0] == new[1] != old[0]

    def kill(number: int) -> None:
        home, schema, lived = go(number)
        assert lived is None, "it was not killed"
        for held, before, after in zip(published(home, warehouse, schema), old, new, strict=True):
            assert held in (before, after), f"a half after step {number}: {held}"
        pipeline = open_tiny(home, warehouse, schema)
        desk.work(pipeline)
        assert published(home, warehouse, schema) == new, f"killed after step {number}"
        desk.assert_settled(pipeline)
        assert not list((pipeline.scratch / "tiny").iterdir())
        versions = list((home / "out" / "daily.csv.versions").iterdir())
        assert len(versions) <= 2, "files of the killed run are left"
        pipeline.ledger.close()

    two_at_a_time(kill, range(1, steps + 1))
    for schema in ("before", *(f"case{number}" for number in range(steps + 1))):
        ask(warehouse, f"DROP SCHEMA {schema} CASCADE")


def test_a_database_that_is_stopped_in_the_middle(tmp_path: Path) -> None:
    with TemporaryDirectory() as folder:
        postgres = start_postgres(Path(folder))
        url = make_url(postgres.get_uri())
        connection = Connection(
            name="warehouse",
            host=str(url.query["host"]),
            database=url.database or "",
            user=url.username or "",
            sslmode="prefer",
        )
        ask(connection, "CREATE SCHEMA reporting")
        lay_out(tmp_path)
        pipeline = open_tiny(tmp_path, connection, "reporting")
        desk.work(pipeline)
        before = published(tmp_path, connection, "reporting")[0]
        lay_out_more(tmp_path)

        with pytest.MonkeyPatch.context() as patch:
            from etl_assets.publications.postgresql import destination

            write = destination.write_record

            def stopped(*given: object) -> None:
                write(*given)  # type: ignore[arg-type]
                postgres.cleanup()

            patch.setattr(destination, "write_record", stopped)
            desk.work(pipeline)
        newest = pipeline.ledger.writing_histories("tiny")["daily"].newest
        assert newest is not None
        assert (newest.outcome, newest.error_kind) == (WritingOutcome.FAILED, "transient")

        postgres = start_postgres(Path(folder))
        assert published(tmp_path, connection, "reporting")[0] == before
        pipeline.ledger.retry_writings("tiny", {"daily": ""})
        desk.work(pipeline)
        there, exported = published(tmp_path, connection, "reporting")
        assert there == exported
        assert len(there) == 3
        postgres.cleanup()
