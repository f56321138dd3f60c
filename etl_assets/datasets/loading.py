"""Imports the code of datasets: only those that are asked for, and each on its own."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from etl_assets.contracts.dataset import Dataset
from etl_assets.datasets.checking import check_dataset
from etl_assets.datasets.discovery import DECLARATION, Place, find_datasets, the_place
from etl_assets.datasets.locating import is_inside, is_safe, load_error
from etl_assets.errors import ContractError, EtlError
from etl_assets.kept_sources import keep_sources_of


@dataclass(frozen=True)
class Loaded:
    """The datasets that could be loaded, and why the others could not.

    Attributes:
        datasets: Name -> dataset, in the order asked for.
        failures: Name -> what is wrong with its code; names file and line.
    """

    datasets: dict[str, Dataset] = field(default_factory=dict)
    failures: dict[str, EtlError] = field(default_factory=dict)


def load_datasets(names: Iterable[str], folders: Sequence[Path | str] = ()) -> Loaded:
    """Load some datasets; what is wrong with one does not keep the others from being loaded.

    Args:
        names: The datasets wanted; nothing else is imported.
        folders: The project's folders of datasets, see `load_dataset`.
    """
    found = find_datasets(folders)
    loaded = Loaded()
    for name in names:
        try:
            loaded.datasets[name] = _load(the_place(name, found, folders))
        except EtlError as error:
            loaded.failures[name] = error
    return loaded


def load_dataset(name: str, folders: Sequence[Path | str] = ()) -> Dataset:
    """Load one dataset, its contracts compiled.

    It is looked for in three places, of which the first one counts:

    1. the folders: `<folder>/<name>/__init__.py` with `DATASET`, where relative imports such as
       `from . import bronze` work; or `<folder>/<name>/dataset.yaml`, a dataset declared without Python,
       which `etl_assets.datasets.declared.load_declared(path) -> Dataset` reads. Where both are there,
       `__init__.py` counts (and may call `load_declared` itself);
    2. installed packages: entry points of the group `etl_assets.datasets`, `<name> = "module:DATASET"`;
    3. the built-in datasets `flights` and `retail`.

    Args:
        name: The dataset's name.
        folders: The project's folders of datasets, usually `["datasets"]`.

    Raises:
        ContractError: There is no such dataset, or its code is wrong; names file and line.

    Example:
        DATASET = load_dataset("sales", folders=[Path(__file__).parents[1] / "datasets"])
    """
    return _load(the_place(name, find_datasets(folders), folders))


def _load(place: Place) -> Dataset:
    before = set(sys.modules)
    found = None
    try:
        found = _imported(place)
        if not isinstance(found, Dataset):
            raise ContractError(f"DATASET is no Dataset but a {type(found).__name__}")
        check_dataset(place.name, found)
    except KeyboardInterrupt:
        raise
    # A module may as well call sys.exit(), and a panic of Polars is no Exception.
    except BaseException as error:
        root = _root(place)
        told = load_error(error, place.name, root, found)
        _forget(set(sys.modules) - before, root)
        # A traceback would print the words of its cause as well.
        raise told from (error if is_safe(error) else None)
    return found


def _imported(place: Place) -> object:
    if place.entry_point is not None:
        keep_sources_of(place.entry_point.module.partition(".")[0])
        return place.entry_point.load()
    if place.folder is None:
        built_in = f"etl_assets.datasets.{place.name}"
        keep_sources_of(built_in)
        return _attribute(importlib.import_module(built_in))
    if (place.folder / "__init__.py").is_file():
        return _attribute(_import_from(place.folder))
    from etl_assets.datasets.declared import load_declared

    return load_declared(place.folder / DECLARATION)


def _attribute(module: ModuleType) -> Any:
    try:
        return vars(module)["DATASET"]
    except KeyError:
        raise ContractError(
            "There is no DATASET", where={"file": module.__file__}, hint="Write DATASET = Dataset(...)"
        ) from None


def _import_from(folder: Path) -> ModuleType:
    """Import a folder as a package of its own, whatever else has its name.

    The folder above it becomes a package too, under a name that nothing else has: a folder `datasets`
    doesn't hide an installed package `datasets`, and two projects in one process don't meet.
    """
    above = folder.parent
    parent = f"etl_assets_{above.name}_{hashlib.sha256(bytes(above)).hexdigest()[:8]}"
    if parent not in sys.modules:
        package = ModuleType(parent, f"The datasets in {above}")
        package.__path__ = [str(above)]
        sys.modules[parent] = package
        keep_sources_of(parent)
    # Python keeps for a moment what a folder held; it may have been written just now.
    importlib.invalidate_caches()
    return importlib.import_module(f"{parent}.{folder.name}")


def _root(place: Place) -> Path:
    """The folder of the author's own files: lines in there are the ones to look at."""
    if place.folder is not None:
        return place.folder.parent
    if place.entry_point is None:
        return Path(__file__).parent / place.name
    spec = None
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(place.entry_point.module.partition(".")[0])
    if spec is None:
        return Path(os.devnull)
    return Path(next(iter(spec.submodule_search_locations or [spec.origin or os.devnull])))


def _forget(modules: set[str], root: Path) -> None:
    """What was imported before something failed must not be found by the next try, after it was mended."""
    for name in modules:
        if is_inside(getattr(sys.modules.get(name), "__file__", None), root):
            del sys.modules[name]
