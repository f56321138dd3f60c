"""Whether Dagster's own storage can be used: what `dq doctor` asks."""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterInstance
from sqlalchemy.exc import SQLAlchemyError

from etl_assets.error_kinds import kind_of
from etl_assets.errors import EtlError
from etl_assets.logs import mask_url_passwords


class DagsterStorageError(EtlError):
    """Dagster's runs and events can't be read."""


def check_storage(home: Path) -> str:
    """Open Dagster's instance and read a run; say where it is kept.

    Raises:
        DagsterStorageError: It can't be opened or read; without passwords.
    """
    try:
        with DagsterInstance.from_config(str(home)) as instance:
            instance.get_run_records(limit=1)
            return type(instance.run_storage).__name__
    except SQLAlchemyError as error:
        original = getattr(error, "orig", None) or error
        said = " ".join(str(original).split())[:300]
        raise _told(home, said, original) from None
    except Exception as error:
        # Dagster has errors of many kinds for a configuration that it does not like.
        raise _told(home, " ".join(str(error).split())[:300], error) from None


def _told(home: Path, said: str, error: BaseException) -> DagsterStorageError:
    return DagsterStorageError(
        f"Dagster's storage can't be used: {mask_url_passwords(said)}",
        where={"home": str(home)},
        hint="Check the section storage of dagster.yaml there, its environment variables, and whether the "
        "database is up",
        kind=kind_of(error),
    )
