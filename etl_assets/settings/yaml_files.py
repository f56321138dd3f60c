"""Read settings files: safe YAML, no key twice, and the line of every value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from etl_assets.errors import SettingsError

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class SettingsFile:
    """One settings file as read.

    Attributes:
        name: How messages call the file, such as `config/app.yaml`.
        values: The file's content; empty when the file is.
        lines: Line (1-based) on which each key stands, list items included.
    """

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """Safe YAML whose dates stay text, so that a wrong one is reported with its line, as any other value."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_settings_file(path: Path, name: str) -> SettingsFile:
    """Read one YAML file.

    Raises:
        SettingsError: The file can't be read, isn't YAML, isn't a mapping, or says something twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The settings file can't be read: {error}",
            where={"file": name},
            hint="It has to be readable UTF-8 text",
        ) from error
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return SettingsFile(name)
        if not isinstance(node, yaml.MappingNode):
            raise SettingsError(
                "The settings file isn't a mapping",
                where={"file": name, "line": 1},
                hint="Write `key: value`",
            )
        lines: dict[KeyPath, int] = {}
        _walk(node, (), lines, name, set())
        values = loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = {"file": name} | ({"line": mark.line + 1} if mark else {})
        problem = getattr(error, "problem", None) or str(error)
        raise SettingsError(
            f"The settings file isn't valid YAML: {problem}",
            where=where,
            hint="Look for an indent, a missing colon or an unclosed quote on this line or the one before",
        ) from error
    finally:
        loader.dispose()
    return SettingsFile(name, {str(key): value for key, value in values.items()}, lines)


def _walk(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], name: str, seen: set[int]) -> None:
    line = node.start_mark.line + 1
    if id(node) in seen:
        # An alias: a value whose line and source would be another's, and a way to write endless files.
        raise SettingsError(
            "YAML aliases are not used in settings",
            where={"file": name, "line": lines.get(path, line), "key": ".".join(path)},
            hint="Write the value out",
        )
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*path, key)
            line = key_node.start_mark.line + 1
            if here in lines:
                raise SettingsError(
                    f"The key is there twice, first on line {lines[here]}",
                    where={"file": name, "line": line, "key": ".".join(here)},
                    hint="Keep one of the two",
                )
            lines[here] = line
            _walk(value_node, here, lines, name, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            here = (*path, str(index))
            lines[here] = item.start_mark.line + 1
            _walk(item, here, lines, name, seen)
