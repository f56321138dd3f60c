"""Where datasets are: in the project's own folders, in installed packages, and the built-in ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from etl_assets.contracts.dataset import ENTRY_POINTS
from etl_assets.errors import ContractError

BUILT_IN = ("flights", "retail")
DECLARATION = "dataset.yaml"

_NAME = re.compile("[a-z][a-z0-9_]*")


class Kind(StrEnum):
    """What kind of place a dataset is in; the order says which one counts where several have the name."""

    FOLDER = "folder"
    PACKAGE = "package"
    BUILT_IN = "built in"


@dataclass(frozen=True)
class Place:
    """Where the code of one dataset is.

    Attributes:
        name: The dataset's name.
        kind: Folder, package or built in.
        folder: Of a folder dataset: the folder that holds `__init__.py` or `dataset.yaml`.
        entry_point: Of a package's dataset: what names it.
    """

    name: str
    kind: Kind
    folder: Path | None = None
    entry_point: EntryPoint | None = None

    def __str__(self) -> str:
        if self.folder is not None:
            return str(self.folder)
        if self.entry_point is not None:
            package = self.entry_point.dist.name if self.entry_point.dist else "a package"
            return f"{package} ({self.entry_point.value})"
        return "etl_assets"


def find_datasets(folders: Sequence[Path | str] = ()) -> dict[str, tuple[Place, ...]]:
    """Return all places by dataset's name, the one that counts first; imports nothing.

    A folder of the project goes before an installed package, and that before what is built in: whoever
    calls a dataset `retail` gets their own. Twice in the same kind of place is an error, see `the_place`.
    """
    found: dict[str, list[Place]] = {}
    for place in (*_in_folders(folders), *_in_packages(), *(Place(name, Kind.BUILT_IN) for name in BUILT_IN)):
        found.setdefault(place.name, []).append(place)
    return {name: tuple(places) for name, places in found.items()}


def the_place(name: str, found: dict[str, tuple[Place, ...]], folders: Sequence[Path | str] = ()) -> Place:
    """Return the place of one dataset.

    Raises:
        ContractError: There is none, or there are two with the same right.
    """
    places = found.get(name, ())
    if not places:
        raise ContractError(
            f"There is no code for the dataset {name}",
            where={"folders": ", ".join(map(str, folders))} if folders else {},
            hint=f"{_how_to_make(name, folders)}\nThere is code for {', '.join(sorted(found))}",
        )
    rivals = [place for place in places if place.kind is places[0].kind]
    if len(rivals) > 1:
        raise ContractError(
            f"There are two datasets called {name}: {rivals[0]} and {rivals[1]}",
            hint="Rename or remove one of them",
        )
    return places[0]


def _in_folders(folders: Sequence[Path | str]) -> list[Place]:
    found = []
    # The same folder said twice is still one.
    for folder in dict.fromkeys(Path(folder).expanduser().absolute() for folder in folders):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if _NAME.fullmatch(path.name) and any(
                (path / file).is_file() for file in ("__init__.py", DECLARATION)
            ):
                found.append(Place(path.name, Kind.FOLDER, folder=path))
    return found


def _in_packages() -> list[Place]:
    # An editable install beside a build of the same package says the same thing twice.
    said = {(entry.name, entry.value): entry for entry in entry_points(group=ENTRY_POINTS)}
    return [
        Place(name, Kind.PACKAGE, entry_point=entry)
        for (name, _), entry in sorted(said.items(), key=lambda item: item[0])
    ]


def _how_to_make(name: str, folders: Sequence[Path | str]) -> str:
    for folder in map(Path, folders):
        if (folder / name).is_dir():
            return f"Put __init__.py or {DECLARATION} into {folder / name}"
    return f"Write it: dq new {name} FILE..."
