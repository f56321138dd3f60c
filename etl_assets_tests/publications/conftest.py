from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url

from etl_assets.connections import Connection
from etl_assets_tests.s3.conftest import make_place, storage

__all__ = ["make_place", "storage"]


@pytest.fixture(scope="session")
def warehouse_database(make_database: Callable[[], str]) -> Connection:
    url = make_url(make_database())
    return Connection(
        name="warehouse",
        host=str(url.query.get("host") or url.host),
        port=url.port or 5432,
        database=url.database or "",
        user=url.username or "postgres",
        sslmode="prefer",
    )


@pytest.fixture
def warehouse(warehouse_database: Connection) -> Iterator[Connection]:
    """A database with an empty schema `reporting`; a database for each test would take long to stop."""
    with warehouse_database.transaction(read_only=False) as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS reporting CASCADE")
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
        cursor.execute("CREATE SCHEMA reporting")
    return warehouse_database
