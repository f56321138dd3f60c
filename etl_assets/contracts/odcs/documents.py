"""Reads and writes documents of the Open Data Contract Standard, and checks them by its own JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from etl_assets.errors import ContractError
from etl_assets.yaml_text import KeyPath, YamlText, parse_yaml, read_yaml

VERSION = "v3.1.0"
KIND = "DataContract"

_READ = ("v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0")
_SHOWN = 5
_UNEXPECTED = ("unevaluatedProperties", "additionalProperties")


def read_document(path: Path, name: str | None = None) -> YamlText:
    """Read a document and check it by the standard's JSON Schema.

    Args:
        path: The file, YAML or JSON.
        name: How messages call it; by default its path.

    Raises:
        ContractError: It can't be read, or is no such document; names file, line and key.
    """
    return _checked(read_yaml(path, name or str(path), ContractError, "The data contract"))


def parse_document(text: str, name: str) -> YamlText:
    """Read a document from text; see `read_document`."""
    return _checked(parse_yaml(text, name, ContractError, "The data contract"))


def write_document(document: Mapping[str, Any]) -> str:
    """Return a document as YAML, keys in the order given."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, indent=2)


def check_document(values: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    """Return what a document breaks of the standard's JSON Schema: place and words."""
    errors = [_furthest(error) for error in _validator().iter_errors(values)]
    others = [tuple(error.absolute_path) for error in errors if error.validator not in _UNEXPECTED]
    told = [
        _told(error)
        for error in errors
        # A key whose value is wrong also counts as one that is not there.
        if error.validator not in _UNEXPECTED
        or not any(path[: len(error.absolute_path)] == tuple(error.absolute_path) for path in others)
    ]
    return sorted(set(told))


class _Dumper(yaml.SafeDumper):
    """Lists are indented, and texts of several lines stay readable."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _checked(document: YamlText) -> YamlText:
    version = document.values.get("apiVersion")
    if document.values.get("kind") == KIND and version not in _READ:
        raise ContractError(
            f"The data contract follows version {version} of the standard",
            where=document.where(("apiVersion",)),
            hint=f"Read are {', '.join(_READ)}; written is {VERSION}",
        )
    problems = check_document(document.values)
    if problems:
        path, what = problems[0]
        others = "".join(
            f"\n  - {document.name}:{document.where(place).get('line', 1)} {'.'.join(place)}: {told}"
            for place, told in problems[1:_SHOWN]
        )
        more = f"\n  - and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ContractError(
            f"The data contract breaks the standard: {what}",
            where=document.where(path),
            hint="Open Data Contract Standard 3.1, bitol.io"
            + (f"; as well:{others}{more}" if others else ""),
        )
    return document


def _furthest(error: Any) -> Any:
    """Of alternatives the one that came furthest is what was meant."""
    while error.context:
        error = max(error.context, key=lambda one: (len(one.absolute_path), one.validator != "required"))
    return error


def _told(error: Any) -> tuple[KeyPath, str]:
    path = tuple(map(str, error.absolute_path))
    message = str(error.message)
    if unexpected := re.search(r"\('([^']+)' was unexpected\)", message):
        return (*path, unexpected[1]), f"there is no such key {unexpected[1]} here"
    return path, message if len(message) < 200 else f"{message[:150]} ... ({error.validator})"


@cache
def _validator() -> Any:
    # jsonschema takes a moment to import, and only those need it who read or write such documents.
    import jsonschema  # type: ignore[import-untyped]

    schema = json.loads(
        files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    )
    return jsonschema.Draft201909Validator(schema)
