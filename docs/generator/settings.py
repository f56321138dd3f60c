"""The page of the settings, from the models that read them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, ByteSize, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generator.markdown import code, document, escaped, one_of, prose, sentence, table
from etl_assets.settings import AppSettings, DatasetSettings
from etl_assets.settings.layers import ENVIRONMENT_ONLY

HEADER = ("setting", "type and allowed values", "default", "meaning", "environment variable")


@dataclass(frozen=True)
class Setting:
    """One setting as the page shows it."""

    key: str
    type: str
    default: str
    variable: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """Settings that stand together in a file."""

    title: str
    about: str
    settings: list[Setting]


def page() -> str:
    """Return the page."""
    return document(
        "# Settings",
        "Settings are YAML files below `config/`. Later ones go over earlier ones, key by key: "
        "`datasets/<name>.yaml`, `app.yaml`, `app.<ETL_ENVIRONMENT>.yaml`, `app.local.yaml`, environment "
        "variables. `dq config show` prints each value and where it came from. A key that is not on this "
        "page is refused, with its file and line.",
        "A variable's name is the setting's key in capitals after `ETL_`, with `__` for each step down. "
        "Lists and whole sections are written as JSON. In the names below, capitals in `<...>` stand for "
        "a name of yours. Values of a dataset can be set by variable only if the dataset has its own file.",
        "## The application: `config/app.yaml`",
        *_shown(app_sections()),
        "## A dataset: `config/datasets/<name>.yaml`",
        escaped(" ".join((DatasetSettings.__doc__ or "").split("\n\n", 1)[1].split())),
        *_shown(dataset_sections()),
    )


def app_sections() -> list[Section]:
    """Return the settings of the application, without those of its datasets."""
    return list(_sections(AppSettings, (), "ETL_"))


def dataset_sections() -> list[Section]:
    """Return the settings of a dataset."""
    return list(_sections(DatasetSettings, (), "ETL_DATASETS__<DATASET>__"))


def _shown(sections: Sequence[Section]) -> Iterator[str]:
    for section in sections:
        yield f"### {section.title}"
        yield section.about
        yield table(
            HEADER,
            (
                (
                    code(one.key.split(".")[-1]),
                    one.type,
                    one.default,
                    one.meaning,
                    one.variable and code(one.variable),
                )
                for one in section.settings
            ),
        )


def model_sections(model: type[BaseModel]) -> Iterator[str]:
    """Return the keys of a file that no variable goes over, as tables of Markdown."""
    for section in _sections(model, (), ""):
        yield f"## {section.title}"
        yield section.about
        yield table(
            HEADER[:-1],
            ((code(one.key.split(".")[-1]), one.type, one.default, one.meaning) for one in section.settings),
        )


def _sections(model: type[BaseModel], path: tuple[str, ...], prefix: str) -> Iterator[Section]:
    """Return the section of a model, then those of the models below it."""
    own: list[Setting] = []
    below: list[Section] = []
    for name, field in model.model_fields.items():
        here = (*path, field.alias or name)
        if model is AppSettings and name == "datasets":
            own.append(_setting(here, field, prefix, "mapping: dataset → [its settings](#of-the-dataset)"))
            continue
        found = list(_models_in(field.annotation, here))
        for inner, deeper in found:
            below.extend(_sections(inner, deeper, prefix))
        own.append(_setting(here, field, prefix, _links(field.annotation, found) if found else ""))
    title = _title(model, path)
    about = (model.__doc__ or "").split("\n\n")[0] if path else ""
    yield Section(title, sentence(prose(about)), own)
    yield from below


def _title(model: type[BaseModel], path: tuple[str, ...]) -> str:
    if not path:
        return {AppSettings: "Of the application", DatasetSettings: "Of the dataset"}.get(model, "The file")
    kind = _kind_of_format(model)
    return code(".".join(path)) + (f" with `type: {kind}`" if kind else "")


def _kind_of_format(model: type[BaseModel]) -> str:
    field = model.model_fields.get("type")
    return str(get_args(field.annotation)[0]) if field and get_origin(field.annotation) is Literal else ""


def _links(annotation: Any, found: list[tuple[type[BaseModel], tuple[str, ...]]]) -> str:
    links = []
    for model, path in found:
        kind = _kind_of_format(model)
        text = f"`type: {kind}`" if kind else code(".".join(path))
        anchor = _anchor(_title(model, path))
        links.append(f"[{text}](#{anchor})")
    plain = [_told(one) for one in _members(annotation) if not list(_models_in(one, ("",)))]
    return " or ".join([*plain, "see " + ", ".join(links)])


def _anchor(title: str) -> str:
    """The heading's anchor, as GitHub and MyST make it."""
    kept = "".join(one for one in title.lower() if one.isalnum() or one in " -_")
    return kept.replace(" ", "-")


def _setting(path: tuple[str, ...], field: FieldInfo, prefix: str, type_: str = "") -> Setting:
    key = ".".join(path)
    # An item of a list has no variable of its own: the whole list is one.
    variable = "" if "<n>" in path else prefix + "__".join(path).upper()
    meaning = escaped(field.description or "")
    meaning += "" if not meaning or meaning.endswith(".") else "."
    if prefix == "ETL_" and key in ENVIRONMENT_ONLY:
        meaning += f" Not in a file: it {ENVIRONMENT_ONLY[key]}."
    return Setting(
        key,
        type_ or _told(field.annotation, field.metadata),
        _default(field),
        variable,
        meaning,
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True) if field.default_factory else field.default
    if value is PydanticUndefined or value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "as below"
    return code(_plain(value).replace("\t", "\\t") or '""')


def _plain(value: Any) -> str:
    if isinstance(value, ByteSize):
        return value.human_readable(decimal=True).replace(".0", "")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool | tuple | list | dict):
        items = [str(item) for item in value] if isinstance(value, tuple | list) else value
        return json.dumps(items)
    return str(value)


# -- types in words ---------------------------------------------------------------------------------


def _models_in(annotation: Any, path: tuple[str, ...]) -> Iterator[tuple[type[BaseModel], tuple[str, ...]]]:
    """Return the models that may stand at a place, each with its path."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _models_in(get_args(annotation)[0], path)
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from _models_in(member, path)
    elif origin in (dict, Mapping):
        names = {"sources": "<table>", "tables": "<layer/table>", "columns": "<column>"}
        name = names.get(path[-1]) or _key_name(get_args(annotation)[0])
        yield from _models_in(get_args(annotation)[1], (*path, name))
    elif origin in (list, tuple):
        for member in get_args(annotation):
            yield from _models_in(member, (*path, "<n>"))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, path


def _key_name(annotation: Any) -> str:
    for said in getattr(annotation, "__metadata__", ()):
        if isinstance(said, FieldInfo) and said.description and "layer" in said.description:
            return "<scope>"
    closed = [arg for arg in _members(annotation) if isinstance(arg, type) and issubclass(arg, Enum)]
    return f"<{closed[0].__name__.lower()}>" if closed else "<name>"


def _members(annotation: Any) -> Sequence[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    return get_args(annotation) if origin in (Union, UnionType) else (annotation,)


_WORDS: dict[Any, str] = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "secret text",
    ByteSize: "size such as `64MB`",
    datetime.date: "day such as `2024-01-31`",
    datetime.datetime: "local time such as `2024-01-31T06:00`",
    type(None): "`null`",
}


def _told(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Return a type and its limits in words."""
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *said = get_args(annotation)
        return _told(base, [*said, *metadata])
    # Of a type with a name of its own, that name's meaning says enough.
    if named := [said.description for said in metadata if isinstance(said, FieldInfo) and said.description]:
        many = "list of: " if origin in (list, tuple) else ""
        return many + escaped(named[0].rstrip("."))
    of_text = annotation is str or (origin in (Union, UnionType) and str in get_args(annotation))
    return ", ".join([_base(annotation, origin), *_limits(metadata, "characters" if of_text else "entries")])


def _base(annotation: Any, origin: Any) -> str:
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_told(member) for member in get_args(annotation)))
    if origin is Literal:
        return _closed(get_args(annotation))
    if origin in (list, tuple):
        return f"list of: {_told(get_args(annotation)[0])}"
    if origin in (dict, Mapping):
        key, value = get_args(annotation)
        return f"mapping: {_told(key)} → {_told(value)}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _closed([member.value for member in annotation])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "`{" + ", ".join(annotation.model_fields) + "}`"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _closed(words: Sequence[object]) -> str:
    return one_of(words) if len(words) == 1 else f"one of {one_of(words)}"


def _limits(metadata: Sequence[Any], counted: str) -> Iterator[str]:
    for said in metadata:
        if isinstance(said, Ge):
            yield f"at least {said.ge}"
        elif isinstance(said, Gt):
            yield f"more than {said.gt}"
        elif isinstance(said, Le):
            yield f"at most {said.le}"
        elif isinstance(said, Lt):
            yield f"less than {said.lt}"
        elif isinstance(said, MinLen) and said.min_length:
            yield "not empty" if said.min_length == 1 else f"at least {said.min_length} {counted}"
        elif isinstance(said, MaxLen):
            yield f"at most {said.max_length:,} {counted}" if said.max_length > 1 else "one character"
        elif pattern := getattr(said, "pattern", None):
            yield f"matching {code(pattern)}"
