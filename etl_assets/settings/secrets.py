"""Secrets in files: a folder in which each file holds the value of the variable that it is named as."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from etl_assets.errors import SettingsError

VARIABLE = "ETL_SECRETS_DIR"
LARGEST_BYTES = 64_000


@dataclass(frozen=True)
class SecretFile:
    """The value of one variable, and the file that it was read from; it is never shown."""

    path: Path
    value: str

    def __repr__(self) -> str:
        return f"SecretFile({str(self.path)!r})"


def read_secrets(environ: Mapping[str, str]) -> dict[str, SecretFile]:
    """Return the variables that files say, by their names in capitals; none without ETL_SECRETS_DIR.

    What a container's engine and systemd put beside them (folders, names that begin with a dot) is no secret.

    Raises:
        SettingsError: The folder is not there, or a file in it can't be read.
    """
    if not (said := environ.get(VARIABLE)):
        return {}
    folder = Path(said).expanduser().absolute()
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    except OSError as error:
        raise SettingsError(
            f"The folder of secrets can't be listed: {error.strerror}",
            where={"environment variable": VARIABLE, "folder": folder},
            hint="Set it to the folder that holds a file for each secret, or unset it",
        ) from None
    return {path.name.upper(): SecretFile(path, _read(path)) for path in paths}


def export_secrets(environ: MutableMapping[str, str]) -> list[str]:
    """Give Dagster and AWS, which read variables only, what files say; a variable that is set stays.

    Returns:
        The names of the variables that were set.
    """
    missing = {name: one.value for name, one in read_secrets(environ).items() if not environ.get(name)}
    environ.update(missing)
    return list(missing)


def _read(path: Path) -> str:
    where: dict[str, object] = {"file": path}
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise SettingsError("This is no secret: it is too large", where=where, hint="Remove the file")
        # Editors and `echo` end a file with a line break, which is not meant.
        value = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(
            f"A secret can't be read: {error.strerror}",
            where=where,
            hint="Let the user that runs this read the file, and nobody else",
        ) from None
    except UnicodeDecodeError:
        raise SettingsError("A secret is not UTF-8 text", where=where, hint="Write it as text") from None
    if "\0" in value:
        raise SettingsError("A secret holds a zero byte", where=where, hint="Write it as text")
    return value
