"""How other people's databases are reached: the section `connections` of app.yaml."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from etl_assets.connections import Connection

_Words = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x1f]+$")]

_VERIFYING = ("verify-ca", "verify-full")


class ConnectionSettings(BaseModel):
    """One PostgreSQL database, from which tables are read or to which they are published.

    The password comes from the environment only, or from a file in ETL_SECRETS_DIR:
    ETL_CONNECTIONS__<NAME>__PASSWORD. Without one, libpq looks into ~/.pgpass.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: _Words = Field(description="Name or address of the server, or the folder of its Unix socket.")
    port: int = Field(5432, ge=1, le=65535, description="The server's port.")
    database: _Words = Field(description="The database's name.")
    user: _Words = Field(description="The role that logs in; one that may read only, for a source.")
    password: SecretStr | None = Field(None, description="From the environment only.")
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        None,
        description="How the connection is protected, as in libpq; default: verify-full, which also proves "
        "that it is the right server, and prefer for this machine.",
    )
    sslrootcert: str | None = Field(
        None,
        description="File of the authorities that may have signed the server's certificate, relative to the "
        "project; default: system, which are those that this machine trusts.",
    )
    sslcert: str | None = Field(None, description="File of our own certificate, if the server asks for one.")
    sslkey: str | None = Field(None, description="File of the key of sslcert, readable by its owner only.")
    connect_seconds: int = Field(10, ge=2, le=600, description="How long to wait for the server to answer.")
    statement_seconds: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="After so long the server gives up a statement of ours."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if "://" in self.host or "@" in self.host:
            raise ValueError("host: expected a name or an address alone; user and port are keys of their own")
        if self.sslrootcert is not None and self._sslmode not in _VERIFYING:
            raise ValueError("sslrootcert goes with sslmode: verify-ca or verify-full, which look at it")
        if self.sslrootcert == "system" and self._sslmode != "verify-full":
            raise ValueError("sslrootcert: system goes with sslmode: verify-full")
        if (self.sslcert is None) != (self.sslkey is None):
            raise ValueError("sslcert and sslkey go together")
        return self

    @property
    def _sslmode(self) -> str:
        return self.sslmode or ("prefer" if _is_local(self.host) else "verify-full")

    def connection(self, name: str, project_dir: Path) -> Connection:
        """The same as the rooms below the settings take it."""

        def file(path: str | None) -> str | None:
            return path and str(project_dir / Path(path).expanduser())

        root = self.sslrootcert
        if root is None and self._sslmode == "verify-full":
            root = "system"
        return Connection(
            name=name,
            host=self.host,
            database=self.database,
            user=self.user,
            port=self.port,
            password=None if self.password is None else self.password.get_secret_value(),
            sslmode=self._sslmode,
            sslrootcert=root if root == "system" else file(root),
            sslcert=file(self.sslcert),
            sslkey=file(self.sslkey),
            connect_seconds=self.connect_seconds,
            statement_seconds=self.statement_seconds,
        )


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or host.startswith("/") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
