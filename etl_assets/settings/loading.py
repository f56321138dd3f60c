"""Read and check the settings, and say of each value where it came from."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from etl_assets.logs import mask_url_passwords
from etl_assets.settings.app import AppSettings
from etl_assets.settings.layers import Layer, find_config_dir, merged, read_layers
from etl_assets.settings.problems import problems_by_dataset, settings_error
from etl_assets.settings.yaml_files import KeyPath


@dataclass(frozen=True)
class Loaded:
    """Checked settings, and the layers that they were read from."""

    settings: AppSettings
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Explained:
    """One effective value.

    Attributes:
        key: Where it stands, such as `log.level` or `datasets.retail.calendar.start`.
        value: As JSON types, or text; secrets are masked.
        source: File and line, environment variable, or `default`.
    """

    key: str
    value: Any
    source: str


def load_settings(
    config_dir: Path | str | None = None, environ: Mapping[str, str] | None = None
) -> AppSettings:
    """Return the settings: files, lowest first, then environment variables on top.

    The files are `datasets/<name>.yaml`, `app.yaml`, `app.<ETL_ENVIRONMENT>.yaml` and `app.local.yaml`;
    each may be missing. A variable such as ETL_LOG__LEVEL is `log.level`.

    What is wrong in one dataset's own file concerns that dataset alone: it is left out, and
    `AppSettings.broken_datasets` says why.

    Args:
        config_dir: Folder of the files; by default ETL_CONFIG_DIR, or `config` here or in a folder above.
        environ: Variables; by default those of this process.

    Raises:
        SettingsError: Something else is wrong or unknown; the message names place, key and what was
            expected.
    """
    return read_settings(config_dir, environ).settings


def read_settings(config_dir: Path | str | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Do as `load_settings`, and keep the layers, which `explain` needs."""
    variables = os.environ if environ is None else environ
    folder = Path(config_dir).absolute() if config_dir is not None else find_config_dir(variables)
    read = read_layers(folder, variables)
    values = merged(read.layers)
    values.setdefault("home", str(folder.parent / "var"))
    values["config_dir"] = folder
    broken = dict(read.broken)
    _leave_out(values, broken)
    try:
        settings = AppSettings(**values)
    except ValidationError as error:
        problems = problems_by_dataset(error, values, read.layers)
        for name, own in problems.items():
            if name is None:
                # Not "from error": pydantic's own message quotes the values, and one may be a secret.
                raise settings_error(own) from None
            broken[name] = settings_error(own)
        _leave_out(values, broken)
        settings = AppSettings(**values)
    settings.broken_datasets.update(sorted(broken.items()))
    return Loaded(settings, tuple(read.layers))


def _leave_out(values: dict[str, Any], broken: Collection[str]) -> None:
    if isinstance(datasets := values.get("datasets"), Mapping):
        values["datasets"] = {name: said for name, said in datasets.items() if name not in broken}


def explain(loaded: Loaded) -> list[Explained]:
    """Return every effective value and its source, in the order of the settings."""
    settings = loaded.settings
    computed: dict[KeyPath, str] = (
        {("ledger_url",): "sqlite:///" + str(settings.home / "ledger.db")}
        | {("lake_url",): settings.lake}
        | {("extracts_url",): settings.extracts("").rstrip("/")}
        | {("datasets", name, "staging"): settings.staging_url(name) for name in settings.datasets}
    )
    out = []
    for path, value in _leaves(settings, ()):
        shown = computed.get(path, value) if value is None or path[-1] == "staging" else value
        out.append(Explained(".".join(path), _shown(shown), _source(path, loaded.layers)))
    return out


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    else:
        yield path, value


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [_shown(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return mask_url_passwords(str(value))


def _source(path: KeyPath, layers: tuple[Layer, ...]) -> str:
    if path == ("config_dir",):
        return "found"
    for layer in reversed(layers):
        if layer.has(path):
            where = layer.where(path)
            if "file" not in where:
                return str(where["environment variable"])
            return f"{where['file']}:{where['line']}" if "line" in where else str(where["file"])
    return "default"
