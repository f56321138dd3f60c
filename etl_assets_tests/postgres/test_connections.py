from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from etl_assets.connections import Connection, DatabaseError, DatabaseFault
from etl_assets.errors import SettingsError
from etl_assets.settings import AppSettings, explain, load_settings, read_settings
from etl_assets_tests.postgres.erp import reached
from etl_assets_tests.postgres.tls import make_authority, make_certificate, tls_in_front

ERP = {"host": "db.example.com", "database": "erp", "user": "reader"}
SECRET = "pa55word-of-the-erp"


@pytest.fixture(scope="module")
def local(make_database: Callable[[], str]) -> Connection:
    return replace(reached(make_database()), password=SECRET)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = make_authority(folder)
    make_certificate(folder, "localhost", authority)
    make_authority(folder, "other")
    return folder


@pytest.fixture(scope="module")
def tls(local: Connection, certificates: Path) -> Iterator[Connection]:
    path = Path(local.host) / f".s.PGSQL.{local.port}"
    with tls_in_front(path, certificates / "localhost.crt", certificates / "localhost.key") as port:
        yield replace(local, host="localhost", port=port, sslmode="require")


@pytest.fixture(scope="module")
def plain(local: Connection) -> Iterator[Connection]:
    with tls_in_front(Path(local.host) / f".s.PGSQL.{local.port}", None) as port:
        yield replace(local, host="localhost", port=port, sslmode="disable")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
def test_tls_modes_reach_a_server_that_is_what_it_should_be(
    tls: Connection, certificates: Path, mode: str
) -> None:
    root = str(certificates / "ca.pem") if mode.startswith("verify") else None
    connection = replace(tls, sslmode=mode, sslrootcert=root)
    raw = connection._connect()
    try:
        assert raw.info.ssl_in_use
    finally:
        raw.close()
    assert connection.probe().startswith("PostgreSQL ")


@pytest.mark.slow
def test_without_tls_only_where_it_is_said(plain: Connection, tls: Connection) -> None:
    assert plain.probe()
    raw = replace(plain, sslmode="prefer")._connect()
    assert not raw.info.ssl_in_use
    raw.close()
    with pytest.raises(DatabaseError, match=r"does not support SSL.*switch TLS on"):
        replace(plain, sslmode="require").probe()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "told", "what_to_do"),
    [
        (
            {"sslmode": "verify-ca", "sslrootcert": "other.pem"},
            "verify failed",
            "Set sslrootcert to the file",
        ),
        ({"sslmode": "verify-full", "sslrootcert": "system"}, "verify failed", "Set sslrootcert to the file"),
        ({"sslmode": "verify-full", "sslrootcert": "none.pem"}, "root certificate file", "Set sslrootcert"),
        (
            {"sslmode": "verify-full", "sslrootcert": "ca.pem", "host": "127.0.0.1"},
            "does not match host name",
            "set host to the name that it was made out to",
        ),
    ],
)
def test_a_failure_of_tls_is_told_with_what_to_do(
    tls: Connection, certificates: Path, changes: dict[str, str], told: str, what_to_do: str
) -> None:
    if changes["sslrootcert"].endswith(".pem"):
        changes = {**changes, "sslrootcert": str(certificates / changes["sslrootcert"])}
    with pytest.raises(DatabaseError) as caught:
        replace(tls, **changes).probe()
    assert caught.value.fault is DatabaseFault.TLS
    assert told in str(caught.value)
    assert what_to_do in caught.value.hint
    assert SECRET not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "fault", "what_to_do"),
    [
        ({"user": "nobody"}, DatabaseFault.CREDENTIALS, "ETL_CONNECTIONS__ERP__PASSWORD"),
        ({"database": "nix"}, DatabaseFault.NO_DATABASE, "Correct database of connections.erp"),
        ({"host": "nix.invalid"}, DatabaseFault.ADDRESS, "Correct host of connections.erp"),
        ({"host": "127.0.0.1", "port": 1}, DatabaseFault.TRANSIENT, "check the server, the network"),
    ],
)
def test_who_is_not_let_in_is_told_what_to_do(
    local: Connection, changes: dict[str, object], fault: DatabaseFault, what_to_do: str
) -> None:
    with pytest.raises(DatabaseError) as caught:
        replace(local, **changes).probe()  # type: ignore[arg-type]
    assert caught.value.fault is fault
    assert caught.value.fault.passes == (fault is DatabaseFault.TRANSIENT)
    assert what_to_do in caught.value.hint
    assert SECRET not in str(caught.value)


@pytest.mark.slow
def test_a_password_that_is_wrong_or_has_expired_is_told_without_it(local: Connection) -> None:
    role = f"sworn_{local.database}"
    with local.transaction(read_only=False) as cursor:
        cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
        cursor.execute("SHOW hba_file")
        rules = Path(cursor.fetchone()[0])  # type: ignore[index]
        rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text()}")
        cursor.execute("SELECT pg_reload_conf()")
    sworn = replace(local, user=role)
    for _ in range(50):  # the server reads its rules when it gets to it
        try:
            replace(sworn, password="wr0ng-word").probe()
        except DatabaseError as error:
            refused = error
            break
        time.sleep(0.1)
    assert refused.fault is DatabaseFault.CREDENTIALS
    assert "Is the password wrong, or has it expired? Set ETL_CONNECTIONS__ERP__PASSWORD" in refused.hint
    assert "wr0ng-word" not in str(refused)
    assert sworn.probe()

    with local.transaction(read_only=False) as cursor:
        cursor.execute(f"ALTER ROLE {role} VALID UNTIL '2024-01-01'")
    with pytest.raises(DatabaseError, match="has it expired") as caught:
        sworn.probe()
    assert SECRET not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "fault", "told"),
    [
        ("SELECT * FROM nix", DatabaseFault.NO_TABLE, 'relation "nix" does not exist'),
        ("SELECT nix FROM pg_class", DatabaseFault.NO_COLUMN, 'column "nix" does not exist'),
        ("CREATE TABLE x ()", DatabaseFault.QUERY, "read-only transaction"),
        ("SELECT 'secret cell'::int", DatabaseFault.DATA, "SQLSTATE 22P02"),
    ],
)
def test_what_the_server_refuses_is_told_without_a_cell(
    local: Connection, statement: str, fault: DatabaseFault, told: str
) -> None:
    with pytest.raises(DatabaseError) as caught, local.transaction() as cursor:
        cursor.execute(statement)
    assert caught.value.fault is fault
    assert told in str(caught.value)
    assert "secret cell" not in str(caught.value)


# -- settings ---------------------------------------------------------------------------------


def load(tmp_path: Path, environ: dict[str, str] | None = None, **erp: object) -> AppSettings:
    (tmp_path / "config" / "datasets").mkdir(parents=True, exist_ok=True)
    (tmp_path / "config" / "app.yaml").write_text(yaml.safe_dump({"connections": {"erp": ERP | erp}}))
    return load_settings(tmp_path / "config", environ or {})


def test_passwords_come_from_the_environment_and_are_shown_nowhere(tmp_path: Path) -> None:
    environ = {"ETL_CONNECTIONS__ERP__PASSWORD": SECRET}
    settings = load(tmp_path, environ)

    connection = settings.connection("erp")
    assert connection.password == SECRET
    assert settings.secrets == (SECRET,)
    shown = str(explain(read_settings(tmp_path / "config", environ)))
    for text in (shown, repr(settings), repr(connection), connection.shown, settings.model_dump_json()):
        assert SECRET not in text
    with pytest.raises(SettingsError, match=r"There is no connection crm.*there are erp so far"):
        settings.connection("crm")


def test_who_is_far_away_has_to_prove_who_it_is(tmp_path: Path) -> None:
    far = load(tmp_path).connection("erp")
    assert (far.sslmode, far.sslrootcert) == ("verify-full", "system")
    near = load(tmp_path, host="127.0.0.1").connection("erp")
    assert (near.sslmode, near.sslrootcert) == ("prefer", None)
    own = load(tmp_path, sslrootcert="certs/ca.pem", sslcert="~/me.crt", sslkey="/etc/me.key").connection(
        "erp"
    )
    assert own.sslrootcert == str(tmp_path / "certs" / "ca.pem")
    assert own.sslcert == str(Path("~/me.crt").expanduser())


@pytest.mark.parametrize(
    ("erp", "told"),
    [
        ({"password": "x"}, "connections.erp.password is a secret, so it comes from the environment only"),
        ({"host": "postgres://db"}, "expected a name or an address alone"),
        ({"sslmode": "require", "sslrootcert": "ca.pem"}, "goes with sslmode: verify-ca or verify-full"),
        ({"sslmode": "verify-ca", "sslrootcert": "system"}, "goes with sslmode: verify-full"),
        ({"sslcert": "me.crt"}, "sslcert and sslkey go together"),
        ({"sslmode": "on"}, "Expected: 'disable', 'allow'"),
        ({"port": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_expected(
    tmp_path: Path, erp: dict[str, object], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        load(tmp_path, **erp)
