"""What the code of a transformation is, as one id: of what was imported, not of what its file says by now."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from etl_assets.kept_sources import is_kept, source_of
from etl_assets.pipeline.digest import digest

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

_INSTALLED = {"site-packages", "dist-packages"}


def code_version(transform: Callable[..., object] | None) -> str:
    """Hash the code of a transformation, without comments, docstrings and layout.

    Its whole module counts, and those modules of the author's own package that it imports, anywhere in the
    code and imported yet or not, since the function may use what they define. So do the values that
    a function was made with: its defaults, what a closure holds, the arguments of a `functools.partial`.
    Where the package lies does not count.
    """
    definition = getattr(transform, "definition", None)
    if isinstance(definition, str):  # a declared one: what it does is data, not code
        return digest(definition)
    if transform is None:
        return ""
    code = _Code(_module_of(transform))
    return digest(code.told(transform), code.modules)


def _module_of(transform: object) -> str:
    """The module that a transformation was written in, whatever it is wrapped in."""
    while True:
        if isinstance(transform, functools.partial):
            transform = transform.func
        elif isinstance(transform, MethodType):
            transform = transform.__func__
        elif not isinstance(transform, FunctionType) and hasattr(transform, "__wrapped__"):
            transform = transform.__wrapped__
        else:
            return str(getattr(transform, "__module__", ""))


@dataclass(frozen=True)
class _Source:
    """What a module's source says.

    Attributes:
        code: Without comments, docstrings and layout.
        imports: Its import statements, wherever they stand.
        attributes: Name -> the attributes that are asked of it.
    """

    code: str
    imports: tuple[ast.Import | ast.ImportFrom, ...] = ()
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict)


@functools.lru_cache(maxsize=1024)
def _parsed(source: bytes) -> _Source:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # its import will fail; it may never be asked for
        return _Source(hashlib.sha256(source).hexdigest())
    imports: list[ast.Import | ast.ImportFrom] = []
    attributes: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes.setdefault(node.value.id, set()).add(node.attr)
        if isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    asked = {name: frozenset(found) for name, found in attributes.items()}
    return _Source(ast.dump(tree), tuple(imports), asked)


class _Code:
    """Collects the code that one transformation consists of.

    Attributes:
        modules: Name of a module, as its neighbours know it -> its code.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self.package = module.rpartition(".")[0]
        self.modules: dict[str, str] = {}
        self._within: set[int] = set()

    # -- modules ------------------------------------------------------------------------------

    def _add(self, module: str) -> bool:
        """Add a module and what it imports; False if there is no source of it."""
        name = self._name(module)
        if name in self.modules:
            return True
        found = source_of(module)
        if found is None:
            return False
        source = _parsed(found[0])
        self.modules[name] = source.code
        for one in sorted(set(self._imported(source, module, module if found[1] else _parent(module)))):
            self._add(one)
        return True

    def _imported(self, source: _Source, module: str, package: str) -> Iterator[str]:
        """The modules of the author's own that a module takes something from."""
        for node in source.imports:
            if isinstance(node, ast.ImportFrom):
                base = _resolved(node, package)
                if node.level or _is_of(base, _home(module)):
                    yield from self._taken(base, [alias.name for alias in node.names])
                continue
            for alias in node.names:
                if not _is_of(alias.name, _home(module)):
                    continue
                if "." in alias.name:
                    yield from self._taken(*_split(alias.name))
                # `import a.b` binds a, `import a.b as c` binds a.b.
                bound = alias.name if alias.asname else alias.name.partition(".")[0]
                yield from self._taken(bound, source.attributes.get(alias.asname or bound, ()))
                if alias.asname is not None and alias.name != self.package:
                    yield alias.name

    def _taken(self, base: str, names: Iterable[str]) -> Iterator[str]:
        """The modules among the names of a package, and itself if it defines one of the names.

        The package of the dataset says which tables there are: that changes none of them.
        """
        above = _is_of(self.package, base)
        for name in names:
            is_module = source_of(f"{base}.{name}") is not None
            if is_module:
                yield f"{base}.{name}"
            if not is_module or not above:
                yield base

    def _name(self, module: str) -> str:
        """A module's name as its neighbours know it, whatever the package is called in this process."""
        if self.package and module.startswith(f"{self.package}."):
            return module.removeprefix(f"{self.package}.")
        top, _, rest = module.partition(".")
        return f"../{rest}" if rest and top == self.module.partition(".")[0] else module

    # -- values -------------------------------------------------------------------------------

    def told(self, value: object) -> object:
        """Say what a function or a value is by what JSON can hold; equal in every process."""
        if value is None or (isinstance(value, bool | int | str) and type(value) in (bool, int, str)):
            return value
        if id(value) in self._within:
            return "itself"
        self._within.add(id(value))
        try:
            return [type(value).__name__, *self._parts(value)]
        finally:
            self._within.discard(id(value))

    def _parts(self, value: Any) -> Iterator[object]:
        if isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, functools.partial):
            yield from map(self.told, (value.func, value.args, value.keywords))
        elif isinstance(value, MethodType):
            yield from map(self.told, (value.__func__, value.__self__))
        elif isinstance(value, type):
            self._add_own(value.__module__)
            yield f"{self._name(value.__module__)}:{value.__qualname__}"
        elif isinstance(value, ModuleType):
            self._add_own(value.__name__)
            yield self._name(value.__name__)
        elif isinstance(value, BuiltinFunctionType):
            yield f"{value.__module__}:{value.__qualname__}"
        elif isinstance(value, CodeType):
            yield from (value.co_code.hex(), value.co_names, self.told(value.co_consts))
        elif isinstance(value, float | complex):
            yield repr(value)
        elif isinstance(value, bytes | bytearray):
            yield value.hex()
        elif isinstance(value, tuple | list):
            yield from map(self.told, value)
        elif isinstance(value, set | frozenset):
            yield from sorted(digest(self.told(one)) for one in value)
        elif isinstance(value, dict):
            yield from map(self.told, chain.from_iterable(value.items()))
        elif hasattr(value, "__wrapped__"):
            yield self.told(value.__wrapped__)
        else:
            yield from self._object(value)

    def _function(self, value: FunctionType) -> Iterator[object]:
        yield f"{self._name(value.__module__)}:{value.__qualname__}"
        if not self._add_own(value.__module__):
            yield self.told(value.__code__)  # of an interactive session
        cells = []
        for cell in value.__closure__ or ():
            try:
                cells.append(self.told(cell.cell_contents))
            except ValueError:  # nothing was put into it yet
                cells.append("empty")
        yield from (self.told(value.__defaults__), self.told(value.__kwdefaults__), cells)

    def _object(self, value: object) -> Iterator[object]:
        """Any other object: its class, and what `pickle` would keep of it."""
        yield self.told(type(value))
        try:
            kept = value.__reduce_ex__(2)
        except Exception:  # a lock, a connection: nothing that rows may depend on
            return
        for part in (kept,) if isinstance(kept, str) else kept:
            yield self.told(list(part) if isinstance(part, Iterator) else part)

    def _add_own(self, module: str) -> bool:
        """Add a module unless it is a library's, which no author edits; False if it can't be read."""
        return (_home(module) != _home(self.module) and _is_library(module)) or self._add(module)


def _is_library(module: str) -> bool:
    if is_kept(module):
        return False
    top = module.partition(".")[0]
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return top in (*sys.stdlib_module_names, "etl_assets") or not _INSTALLED.isdisjoint(PurePath(file).parts)


def _home(module: str) -> str:
    """The package whose modules are of one author: the topmost one, of the built-in datasets their own."""
    parts = module.split(".")
    return ".".join(parts[:3]) if parts[0] == "etl_assets" else parts[0]


def _is_of(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _parent(module: str) -> str:
    return module.rpartition(".")[0]


def _split(module: str) -> tuple[str, list[str]]:
    package, _, name = module.rpartition(".")
    return package, [name]


def _resolved(node: ast.ImportFrom, package: str) -> str:
    try:
        return importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:  # beyond the topmost package: it would fail
        return ""
