"""Keeps the source that an author's module was compiled from.

Authors save files while a process runs. Whoever asks later what a module does has to be told what the process
imported, not what the file says by now. So modules of packages named here are compiled from a source
that is read once and kept; Python's bytecode caches, which trust a file's time and size, are left aside.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

_sources: dict[str, bytes] = {}
"""File -> its source, as it was imported, or read before it was imported."""

_imported: set[str] = set()
"""Files of `_sources` that were imported from what is kept."""


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        """Compile what is kept, so that what was told of a module before is what runs."""
        path = self.get_filename(fullname)
        if path in _imported:
            _forget_beside(path)
        source = _read(path)
        _imported.add(path)
        code: CodeType = self.source_to_code(source, path)
        return code


class _Finder(MetaPathFinder):
    """Finds modules of authors' packages as Python does, and has them compiled by the loader above."""

    def __init__(self) -> None:
        self.packages: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not any(fullname == one or fullname.startswith(f"{one}.") for one in self.packages):
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)) is not None:
                if type(spec.loader) is SourceFileLoader:
                    spec.loader = _Loader(fullname, spec.loader.path)
                return spec
        return None


_finder = _Finder()


def keep_sources_of(package: str) -> None:
    """From now on, keep the sources of a package's modules as they are imported."""
    _finder.packages.add(package)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def is_kept(module: str) -> bool:
    """Whether a module belongs to a package whose sources are kept."""
    return any(module == one or module.startswith(f"{one}.") for one in _finder.packages)


def source_of(module: str) -> tuple[bytes, bool] | None:
    """Return the source of a module, and whether it is a package; nothing is imported for that.

    Whether it was imported already makes no difference, unless that was before its package was named here.

    Returns:
        None for a module that isn't there, or isn't written in Python.
    """
    spec = _spec(module)
    file = spec.origin if spec and spec.has_location else getattr(sys.modules.get(module), "__file__", None)
    if file is None or not file.endswith(".py"):
        return None
    with contextlib.suppress(OSError):
        return _read(file), spec is not None and spec.submodule_search_locations is not None
    return None


def _spec(module: str) -> ModuleSpec | None:
    known = getattr(sys.modules.get(module), "__spec__", None)
    if known is not None:
        return known if isinstance(known, ModuleSpec) else None
    parent = module.rpartition(".")[0]
    path = _folders(parent) if parent else None
    return None if parent and path is None else PathFinder.find_spec(module, path)


def _folders(package: str) -> list[str] | None:
    if package in sys.modules:
        found = getattr(sys.modules[package], "__path__", None)
    else:
        spec = _spec(package)
        found = spec.submodule_search_locations if spec else None
    return None if found is None else list(found)


def _forget_beside(path: str) -> None:
    """A module is imported anew, for what its file says by now: what was not imported yet goes with it."""
    folder = Path(path).parent
    for one in [path, *(one for one in _sources if one not in _imported and folder in Path(one).parents)]:
        _sources.pop(one, None)


def _read(path: str) -> bytes:
    if path not in _sources:
        _sources[path] = Path(path).read_bytes()
    return _sources[path]
