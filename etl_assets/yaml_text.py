"""Reads YAML that people write: safe, bounded, no key twice, and the line of every value is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from etl_assets.errors import EtlError

KeyPath = tuple[str, ...]

LARGEST = 4_000_000
"""Bytes of a file that is read; three thousand columns with all that can be said of them are some 1 MB."""

_DEEPEST = 60


@dataclass(frozen=True)
class YamlText:
    """One YAML file as read.

    Attributes:
        name: How messages call the file, such as `config/app.yaml`.
        values: The file's content; empty when the file is.
        lines: Line (1-based) on which each key stands, list items included.
    """

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def where(self, path: KeyPath) -> dict[str, object]:
        """File, line and key of a place, as an error's `where`; the line of the nearest key around it."""
        found: dict[str, object] = {"file": self.name}
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                found["line"] = self.lines[path[:length]]
                break
        return found | ({"key": ".".join(path)} if path else {})


class _Loader(yaml.SafeLoader):
    """Safe YAML whose dates stay text, so that a wrong one is reported with its line, as any other value."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path, name: str, error: type[EtlError], what: str = "The file") -> YamlText:
    """Read one YAML file.

    Args:
        path: The file.
        name: How messages call it.
        error: What is raised.
        what: How messages begin, such as `The settings file`.

    Raises:
        EtlError: Of the class `error`: the file can't be read, is too large, isn't YAML, isn't a
            mapping, or says something twice.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise error(
            f"{what} can't be read: {_reason(problem)}",
            where={"file": name},
            hint="It has to be readable UTF-8 text",
        ) from problem
    if len(raw) > LARGEST:
        raise error(f"{what} has more than {LARGEST // 1_000_000} MB", where={"file": name}, hint="Divide it")
    return parse_yaml(text, name, error, what)


def parse_yaml(text: str, name: str, error: type[EtlError], what: str = "The file") -> YamlText:
    """Read YAML from text; see `read_yaml`."""
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return YamlText(name)
        if not isinstance(node, yaml.MappingNode):
            raise error(f"{what} isn't a mapping", where={"file": name, "line": 1}, hint="Write `key: value`")
        lines: dict[KeyPath, int] = {}
        _Walk(name, error, lines).node(node, ())
        values = loader.construct_document(node)
    except RecursionError:
        raise error(f"{what} is nested too deeply", where={"file": name}) from None
    except (yaml.YAMLError, ValueError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = {"file": name} | ({"line": mark.line + 1} if mark else {})
        said = getattr(problem, "problem", None) or str(problem)
        raise error(
            f"{what} isn't valid YAML: {said}",
            where=where,
            hint="Look for an indent, a missing colon or an unclosed quote on this line or the one before",
        ) from problem
    finally:
        if loader is not None:
            loader.dispose()
    return YamlText(name, {str(key): value for key, value in values.items()}, lines)


def _reason(problem: Exception) -> str:
    return problem.strerror or type(problem).__name__ if isinstance(problem, OSError) else str(problem)


@dataclass
class _Walk:
    name: str
    error: type[EtlError]
    lines: dict[KeyPath, int]
    seen: set[int] = field(default_factory=set)

    def node(self, node: yaml.Node, path: KeyPath) -> None:
        line = node.start_mark.line + 1
        if id(node) in self.seen:
            # An alias: a value whose line and source would be another's, and a way to write endless files.
            raise self._error("YAML aliases are not used here", path, line, "Write the value out")
        if len(path) > _DEEPEST:
            raise self._error("The file is nested too deeply", path[:3], line, "")
        self.seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                here = (*path, str(key_node.value))
                line = key_node.start_mark.line + 1
                if here in self.lines:
                    what = f"The key is there twice, first on line {self.lines[here]}"
                    raise self._error(what, here, line, "Keep one of the two")
                self.lines[here] = line
                self.node(value_node, here)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                here = (*path, str(index))
                self.lines[here] = item.start_mark.line + 1
                self.node(item, here)

    def _error(self, what: str, path: KeyPath, line: int, hint: str) -> EtlError:
        where = {"file": self.name, "line": self.lines.get(path, line), "key": ".".join(path)}
        return self.error(what, where=where, hint=hint)
