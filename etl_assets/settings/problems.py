"""Say what is wrong with a setting: place, key, what was expected, what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from etl_assets.errors import SettingsError
from etl_assets.logs import mask_url_passwords
from etl_assets.settings.app import AppSettings
from etl_assets.settings.layers import ENVIRONMENT_ONLY, SECRET_KEYS, Layer
from etl_assets.settings.yaml_files import KeyPath

_SECRET = ("ledger_url", "password", *SECRET_KEYS)


def settings_error(problems: Sequence[SettingsError]) -> SettingsError:
    """Say one or several problems in one message."""
    if len(problems) == 1:
        return problems[0]
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return SettingsError(f"{len(problems)} settings are wrong:{lines}")


def problems_by_dataset(
    error: ValidationError, values: Mapping[str, Any], layers: Sequence[Layer]
) -> dict[str | None, list[SettingsError]]:
    """Turn pydantic's findings into messages that lead to the line.

    Returns:
        Dataset -> what is wrong in its own file; None -> what is wrong anywhere else.
    """
    found: dict[tuple[KeyPath, bool], list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        path = _path(detail, values)
        found.setdefault((path, detail["type"] == "extra_forbidden"), []).append(detail)
    own = {layer.name: layer.prefix[-1] for layer in layers if layer.prefix}
    problems: dict[str | None, list[SettingsError]] = {}
    for (path, _), details in found.items():
        problem = _problem(path, details, layers)
        problems.setdefault(own.get(str(problem.where.get("file"))), []).append(problem)
    return problems


def _problem(path: KeyPath, details: list[ErrorDetails], layers: Sequence[Layer]) -> SettingsError:
    kind = details[0]["type"]
    if kind == "extra_forbidden":
        return SettingsError("Unknown setting", where=_where(path, layers), hint=_known(path))
    if kind == "missing":
        where = _where(path[:-1], layers, lowest=True)
        return SettingsError(f"The setting {path[-1]} is missing", where=where, hint=_meaning(path))
    if "[key]" in details[0]["loc"]:
        return SettingsError("Unknown setting", where=_where(path, layers), hint=_known_key(path, details))
    expected = "; or ".join(dict.fromkeys(_expected(detail) for detail in details))
    given = details[0]["ctx"]["tag"] if kind == "union_tag_invalid" else details[0]["input"]
    # A list or a mapping would only make the message long.
    shown = path[-1] not in _SECRET and isinstance(given, (str, int, float, bool, type(None)))
    shown = shown and not any(layer.secret_files and layer.has(path) for layer in layers)
    what = "The setting is wrong" + (f": {mask_url_passwords(repr(given))}" if shown else "")
    return SettingsError(what, where=_where(path, layers), hint=expected)


def _path(detail: ErrorDetails, values: Mapping[str, Any]) -> KeyPath:
    """Return the key path of a finding, without the names of union members that pydantic puts in."""
    loc = list(detail["loc"])
    if "[key]" in loc:
        loc = loc[: loc.index("[key]")]
    if detail["type"] == "union_tag_invalid":
        loc.append(detail["ctx"]["discriminator"].strip("'"))
    here: Any = values
    path: list[str] = []
    for index, part in enumerate(loc):
        if _contains(here, part):
            here = here[part]
        elif not (detail["type"] == "missing" and index == len(loc) - 1):
            continue
        path.append(str(part))
    return tuple(path)


def _contains(value: Any, part: str | int) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _where(path: KeyPath, layers: Sequence[Layer], *, lowest: bool = False) -> dict[str, object]:
    for length in range(len(path), 0, -1):
        for layer in layers if lowest else reversed(layers):
            if layer.has(path[:length]):
                return layer.where(path[:length])
    return {"key": ".".join(path)} if path else {}


def _expected(detail: ErrorDetails) -> str:
    kind, message = detail["type"], detail["msg"]
    if kind == "union_tag_not_found":
        return f"Expected: a key {detail['ctx']['discriminator']} that says which kind it is"
    if kind == "union_tag_invalid":
        return f"Expected: one of {detail['ctx']['expected_tags']}"
    if kind.startswith("date_"):
        return "Expected: a day such as 2024-01-31"
    if kind.startswith("datetime_"):
        return "Expected: a local time such as 2024-01-31T06:00"
    if message.startswith("Input should be "):
        return "Expected: " + message.removeprefix("Input should be ")
    return message.removeprefix("Value error, ")


# --- what is known at a place ----------------------------------------------------------------------


def _known(path: KeyPath) -> str:
    known = sorted({name for model in _models_at(path[:-1]) for name in model.model_fields})
    if len(path) == 1:
        known = [name for name in known if name not in ENVIRONMENT_ONLY]
    return _choices(path[-1], known)


def _known_key(path: KeyPath, details: list[ErrorDetails]) -> str:
    for annotation in _annotations_at(path[:-1]):
        if get_origin(annotation) in (dict, Mapping):
            key = get_args(annotation)[0]
            if words := _words(key):
                return _choices(path[-1], words)
            for said in getattr(key, "__metadata__", ()):
                if description := getattr(said, "description", None):
                    return f"Expected: {description}"
    return "; or ".join(dict.fromkeys(_expected(detail) for detail in details))


def _choices(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return (f"Did you mean {near[0]}? " if near else "") + f"Known here are {', '.join(known)}"


def _meaning(path: KeyPath) -> str:
    for model in _models_at(path[:-1]):
        field = model.model_fields.get(path[-1])
        if field is not None and field.description:
            return f"Expected: {field.description}"
    return ""


def _models_at(path: KeyPath) -> list[type[BaseModel]]:
    return [item for item in _annotations_at(path) if isinstance(item, type) and issubclass(item, BaseModel)]


def _annotations_at(path: KeyPath) -> list[Any]:
    """Return what may stand at a path: models, mappings, plain types."""
    here: list[Any] = [AppSettings]
    for part in path:
        below: list[Any] = []
        for annotation in here:
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                field = annotation.model_fields.get(part)
                below += _alternatives(field.annotation) if field is not None else []
            elif get_origin(annotation) in (dict, Mapping):
                below += _alternatives(get_args(annotation)[1])
            elif get_origin(annotation) in (list, tuple):
                below += _alternatives(get_args(annotation)[0])
        here = below
    return here


def _alternatives(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [item for member in get_args(annotation) for item in _alternatives(member)]
    return [annotation]


def _words(annotation: Any) -> list[str]:
    """Return the closed set of words that an annotation allows; empty when it isn't closed."""
    out: list[str] = []
    for item in _alternatives(annotation):
        if get_origin(item) is Literal:
            out += [str(word) for word in get_args(item)]
        elif isinstance(item, type) and issubclass(item, Enum):
            out += [str(member.value) for member in item]
    return out
