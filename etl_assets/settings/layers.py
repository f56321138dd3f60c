"""The layers that settings are read from, lowest first: files, then the environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic_settings import EnvSettingsSource

from etl_assets.errors import SettingsError
from etl_assets.settings.app import AppSettings
from etl_assets.settings.secrets import read_secrets
from etl_assets.settings.yaml_files import KeyPath, read_settings_file

_PREFIX = "ETL_"
ENVIRONMENT_ONLY = {
    "ledger_url": "may hold a password, so it comes from the environment only",
    "environment": "decides which files are read, so it comes from the environment only",
    "config_dir": "decides which files are read, so it comes from the environment only",
    "secrets_dir": "decides which files are read, so it comes from the environment only",
}
SECRET_KEYS = ("access_key_id", "secret_access_key", "session_token")
"""Of the section `storage`: from the environment only."""


@dataclass(frozen=True)
class Layer:
    """Some settings from one place.

    Attributes:
        name: The file's name; empty for the environment, and for secrets in files.
        values: Nested as in `AppSettings`.
        lines: Line of each key, by its path in `values`.
        prefix: What of a path the file itself doesn't say, such as `datasets.retail`.
        secret_files: Variable -> the file that said its value instead.
    """

    name: str
    values: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    prefix: KeyPath = ()
    secret_files: Mapping[str, Path] = field(default_factory=dict)

    def has(self, path: KeyPath) -> bool:
        """Tell whether the layer says something at a path."""
        here: Any = self.values
        for part in path:
            if isinstance(here, Mapping) and part in here:
                here = here[part]
            elif isinstance(here, list) and part.isdecimal() and int(part) < len(here):
                here = here[int(part)]
            else:
                return False
        return True

    def where(self, path: KeyPath) -> dict[str, object]:
        """Return the place of a path as a person looks for it: file, line and key, or the variable."""
        if not self.name:
            variables = [_variable(path[:depth]) for depth in range(len(path), 0, -1)]
            files = [self.secret_files[name] for name in variables if name in self.secret_files]
            return {"file": str(files[0])} if files else {"environment variable": variables[0]}
        key = ".".join(path[len(self.prefix) :])
        facts: dict[str, object] = {"file": self.name, "line": self.lines.get(path), "key": key}
        return {name: fact for name, fact in facts.items() if fact}


def find_config_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of the settings: ETL_CONFIG_DIR, or `config` here or in a folder above.

    A folder `config` is taken for a project's if it holds `app.yaml` or a folder `datasets`.

    Raises:
        SettingsError: There is none.
    """
    if said := environ.get("ETL_CONFIG_DIR"):
        folder = Path(said).expanduser().absolute()
        if not folder.is_dir():
            raise SettingsError(
                "There is no such folder of settings",
                where={"environment variable": "ETL_CONFIG_DIR", "folder": folder},
                hint="Set it to the folder that holds app.yaml and datasets/, or unset it",
            )
        return folder
    here = Path.cwd()
    for above in (here, *here.parents):
        config = above / "config"
        if (config / "app.yaml").is_file() or (config / "datasets").is_dir():
            return config
    raise SettingsError(
        "This folder is no project, nor is one above it: there is no config/",
        where={"folder": here},
        hint="Make it one, from a file of yours: dq new NAME FILE...\n"
        "Or go to the project's folder, or set ETL_CONFIG_DIR to the folder of its settings",
    )


@dataclass(frozen=True)
class ReadLayers:
    """What was read.

    Attributes:
        layers: Everything that is said, lowest layer first.
        broken: Datasets whose file can't be read, with the reason.
    """

    layers: list[Layer]
    broken: dict[str, SettingsError]


def read_layers(config_dir: Path, environ: Mapping[str, str]) -> ReadLayers:
    """Read everything that is said.

    Raises:
        SettingsError: A file can't be read that is not one dataset's, or says what only the environment may.
    """
    from_environment = _environment_layer(environ)
    secrets = read_secrets(environ)
    files = {name: one.path for name, one in secrets.items()}
    from_secrets = _environment_layer({name: one.value for name, one in secrets.items()}, files)
    environment = str(from_environment.values.get("environment", "development"))
    broken: dict[str, SettingsError] = {}
    datasets = list(_dataset_layers(config_dir, broken))
    above = [
        *_app_layers(config_dir, environment, chosen="environment" in from_environment.values),
        from_secrets,
        from_environment,
    ]
    _check_dataset_names(above, {layer.prefix[-1] for layer in datasets} | broken.keys())
    return ReadLayers([*datasets, *above], broken)


def merged(layers: list[Layer]) -> dict[str, Any]:
    """Lay the layers over each other: mappings key by key, everything else as a whole."""
    out: dict[str, Any] = {}
    for layer in layers:
        _lay_over(out, layer.values)
    return out


def _lay_over(base: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping):
            below = base.get(key)
            base[key] = dict(below) if isinstance(below, Mapping) else {}
            _lay_over(base[key], value)
        else:
            base[key] = value


def _app_layers(config_dir: Path, environment: str, *, chosen: bool) -> Iterator[Layer]:
    names = ["app.yaml", f"app.{environment}.yaml", "app.local.yaml"]
    if chosen and not (config_dir / names[1]).is_file():
        others = sorted({path.name.split(".")[1] for path in config_dir.glob("app.*.yaml")} - {"local"})
        raise SettingsError(
            f"There is no {names[1]}",
            where={"environment variable": "ETL_ENVIRONMENT", "folder": config_dir},
            hint=f"Unset it, or set it to one of: {', '.join(others)}",
        )
    for name in names:
        if not (config_dir / name).is_file():
            continue
        file = read_settings_file(config_dir / name, f"{config_dir.name}/{name}")
        layer = Layer(file.name, _from_root(file.values, config_dir.parent), file.lines)
        for key, why in ENVIRONMENT_ONLY.items():
            if key in file.values:
                raise SettingsError(
                    f"{key} {why}",
                    where=layer.where((key,)),
                    hint=f"Set {_variable((key,))} and remove the line",
                )
        _refuse_secrets(layer)
        yield layer


def _refuse_secrets(layer: Layer) -> None:
    connections = layer.values.get("connections")
    names = connections if isinstance(connections, Mapping) else ()
    passwords = [("connections", str(name), "password") for name in names]
    for path in [*(("storage", key) for key in SECRET_KEYS), *passwords]:
        if layer.has(path):
            raise SettingsError(
                f"{'.'.join(path)} is a secret, so it comes from the environment only",
                where=layer.where(path),
                hint=f"Set {_variable(path)}, remove the line, and renew the secret if others could read it",
            )


def _dataset_layers(config_dir: Path, broken: dict[str, SettingsError]) -> Iterator[Layer]:
    """Read each dataset's file; one that can't be read doesn't concern the others."""
    for path in sorted((config_dir / "datasets").glob("*.y*ml")):
        if path.name.startswith("."):
            continue  # an editor's lock or swap file
        try:
            yield _dataset_layer(path, f"{config_dir.name}/datasets/{path.name}")
        except SettingsError as error:
            # sales.yml beside a sound sales.yaml is another one's fault
            broken[path.stem if path.stem not in broken and path.suffix == ".yaml" else path.name] = error


def _dataset_layer(path: Path, name: str) -> Layer:
    if path.suffix != ".yaml" or not re.fullmatch("[a-z][a-z0-9_]*", path.stem):
        raise SettingsError(
            "A dataset's file is not named <dataset>.yaml",
            where={"file": name},
            hint="Name it in lower case, digits and _, and end it in .yaml",
        )
    file = read_settings_file(path, name)
    prefix = ("datasets", path.stem)
    lines = {(*prefix, *key): line for key, line in file.lines.items()}
    return Layer(name, {"datasets": {path.stem: file.values}}, lines, prefix)


def _check_dataset_names(layers: list[Layer], known: set[str]) -> None:
    """Refuse to override what isn't there, before pydantic misses the rest of such a dataset."""
    for layer in layers:
        said = layer.values.get("datasets")
        for name in said if isinstance(said, Mapping) else ():
            if name not in known:
                near = get_close_matches(str(name), sorted(known), n=1)
                raise SettingsError(
                    f"There is no dataset {name}",
                    where=layer.where(("datasets", str(name))),
                    hint=(f"Did you mean {near[0]}? " if near else "")
                    + f"A dataset has its own file, datasets/{name}.yaml",
                )


def _environment_layer(environ: Mapping[str, str], files: Mapping[str, Path] | None = None) -> Layer:
    """Read variables, those of the environment or those that `files` say."""
    files = files or {}
    names = sorted(name for name in environ if name.upper().startswith(_PREFIX))
    for name in names:
        _check_variable(name, files.get(name))
    # By itself the source would look at os.environ.
    source = EnvSettingsSource(AppSettings)
    source.env_vars = {name.lower(): environ[name] for name in names if environ[name] != ""}
    try:
        values = dict(source())
    except ValueError as error:
        # Its message says the field only; the cause, with the value, may hold a secret.
        raise SettingsError(
            f"An environment variable can't be read: {error}", hint="A section is written as JSON"
        ) from None
    values.pop("config_dir", None)
    if "home" in values:
        # As in a shell: relative to where the command is given.
        values["home"] = str(Path(values["home"]).expanduser().absolute())
    return Layer("", values, secret_files=files)


def _check_variable(name: str, file: Path | None) -> None:
    first = name[len(_PREFIX) :].lower().partition("__")[0]
    if first in AppSettings.model_fields:
        return
    known = [_variable((field,)) for field in AppSettings.model_fields]
    near = get_close_matches(_PREFIX + first.upper(), known, n=1)
    raise SettingsError(
        "Unknown setting",
        where={"file": file} if file else {"environment variable": name},
        hint=(f"Did you mean {near[0]}? " if near else "")
        + f"Known are {', '.join(known)}, and __ goes deeper",
    )


def _from_root(values: dict[str, Any], root: Path) -> dict[str, Any]:
    # In a file: relative to the project, wherever the command is given.
    if isinstance(values.get("home"), str):
        return values | {"home": str(root / Path(values["home"]).expanduser())}
    return values


def _variable(path: KeyPath) -> str:
    return _PREFIX + "__".join(path).upper()
