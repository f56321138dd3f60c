"""Dagster's own storage on PostgreSQL, by the file that production uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster_postgres.utils import create_pg_engine

from etl_assets_tests.postgres.erp import reached
from etl_assets_tests.postgres.tls import make_authority, make_certificate, tls_in_front

ROOT = Path(__file__).parents[2]


@dg.asset
def told() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 3})


@pytest.mark.slow
def test_runs_and_events_are_in_postgresql_over_a_proven_connection(
    make_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_database()
    server = reached(url)
    authority = make_authority(tmp_path)
    other, _, _ = make_authority(tmp_path, "other")
    certificate, key = make_certificate(tmp_path, "localhost", authority)
    template = yaml.safe_load((ROOT / "config" / "dagster.production.yaml").read_text())
    del template["compute_logs"]  # a bucket, of which this is no test
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(template))

    with tls_in_front(Path(server.host) / ".s.PGSQL.5432", certificate, key) as port:
        place = f"postgresql+psycopg2://{server.user}@localhost:{port}/{server.database}"
        proven = {"sslmode": "verify-full", "sslrootcert": str(authority[0])}
        monkeypatch.setenv("DAGSTER_PG_URL", f"{place}?{urlencode(proven)}")
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            assert "Postgres" in type(instance.event_log_storage).__name__
            result = dg.materialize([told], instance=instance)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            event = instance.get_latest_materialization_event(dg.AssetKey("told"))
            assert event is not None
            assert event.run_id == result.run_id
            assert instance.get_runs()[0].status is dg.DagsterRunStatus.SUCCESS

        # Dagster's own way to the server, without the ten seconds that it goes on trying.
        wrong = create_pg_engine(f"{place}?{urlencode(proven | {'sslrootcert': str(other)})}")
        with pytest.raises(sa.exc.OperationalError, match="certificate verify failed"):
            wrong.connect()
        wrong.dispose()

    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM runs")).scalar() == 1
    engine.dispose()
