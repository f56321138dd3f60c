"""A ledger of every earlier version becomes one of today, with what was in it, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from etl_assets.ledger import upgrade
from etl_assets.ledger.database import POSTGRES_SCHEMA, Database
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import DeliveryState
from etl_assets.ledger.schema import SCHEMA_VERSION, VERSION_TABLE, metadata
from etl_assets_tests.ledger.builders import delivery

FOLDER = Path(upgrade.__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


EARLIER = [one.revision for one in reversed(list(ScriptDirectory.from_config(_config()).walk_revisions()))][
    :-1
]


def _filled(column: sa.Column[Any]) -> object:
    """Some value for a column of a table as it was then."""
    if isinstance(column.type, sa.Boolean):
        return True
    if isinstance(column.type, sa.Integer | sa.BigInteger):
        return 1
    if isinstance(column.type, sa.Float):
        return 0.5
    if isinstance(column.type, sa.JSON):
        return {}
    if column.name.endswith("_at") or column.name == "at":
        return datetime(2024, 3, 1, tzinfo=UTC).isoformat()
    return {"state": "ingested", "content": "{}"}.get(column.name, "x")


def _fill(connection: sa.Connection) -> Mapping[str, int]:
    """Put a row into each table that needs no other, and a delivery; return how many rows each has."""
    found = sa.MetaData()
    found.reflect(connection)
    for table in found.sorted_tables:
        if table.name != VERSION_TABLE and not table.foreign_keys:
            connection.execute(table.insert(), {column.name: _filled(column) for column in table.columns})
    return {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in found.sorted_tables
        if table.name != VERSION_TABLE
    }


@pytest.mark.parametrize("version", EARLIER)
def test_a_ledger_of_an_earlier_version_is_brought_up_to_date(url: str, version: str) -> None:
    database = Database(url)
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {POSTGRES_SCHEMA}"))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        before = _fill(connection)
    assert sum(before.values()) > 3

    with Ledger.open(url) as ledger:
        ledger.register_deliveries([delivery("b.csv")])
        assert {one.state for one in ledger.deliveries("retail")} == {DeliveryState.PENDING}

    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == SCHEMA_VERSION
        found = sa.MetaData()
        found.reflect(connection)
        for name, count in before.items():
            now = connection.execute(sa.select(sa.func.count()).select_from(found.tables[name])).scalar_one()
            assert now >= count, name
    database.close()


def test_there_are_earlier_versions() -> None:
    assert EARLIER[0] == "0001"
    assert SCHEMA_VERSION not in EARLIER
