"""The tables that a dataset has already, when it is drafted again: none of them may be lost by that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from etl_assets.errors import EtlError
from etl_assets.settings.dataset import DatasetSettings
from etl_assets.staging.area import StagingFolder
from etl_assets.staging.matching import Match, match


class TablesLostError(EtlError):
    """A new draft would lack tables that the dataset has; nothing was written."""


@dataclass(frozen=True)
class Existing:
    """What is known of a dataset that is there.

    Attributes:
        name: Of the dataset.
        settings: As its YAML says.
        staging: Where its files are delivered, a path or a URL.
    """

    name: str
    settings: DatasetSettings
    staging: str

    def table_of(self, key: str) -> str | None:
        """The table that a file belongs to by its name."""
        found = match(key, self.settings.sources, key_format=self.settings.calendar.key_format)
        return found.table if isinstance(found, Match) else None

    def keyed(self, paths: Mapping[str, Path]) -> dict[str, Path]:
        """Files by the keys that their tables know them by: a file's folder is the sender's affair.

        Args:
            paths: The files by the keys that they would have in a new dataset.
        """
        found: dict[str, Path] = {}
        for key, path in paths.items():
            parts = path.parts
            names = ("/".join(parts[-count:]) for count in range(1, len(parts)))
            own = key if self.table_of(key) else next((name for name in names if self.table_of(name)), key)
            found[key if own in found else own] = path
        return found

    def without(self, keys: Iterable[str]) -> list[str]:
        """The tables that none of some files belongs to."""
        covered = {self.table_of(key) for key in keys}
        return sorted({*self.settings.sources} - covered)

    def staged(self, tables: Collection[str]) -> dict[str, Path]:
        """The files of some tables that lie in the staging folder, by their keys."""
        if "://" in self.staging or not tables or not Path(self.staging).is_dir():
            return {}
        found = [one.key for one in StagingFolder(self.staging).list().objects]
        return {key: Path(self.staging) / key for key in found if self.table_of(key) in tables}

    def name_of(self, keys: Iterable[str]) -> str | None:
        """The table that some files are of, if it is there already."""
        return next((table for key in keys if (table := self.table_of(key))), None)

    def check_kept(self, paths: Mapping[str, Path], kept: Mapping[str, Path]) -> None:
        """Refuse a draft that lacks a table, or would take a table's files away.

        Args:
            paths: The draft's files, by their keys.
            kept: Files of tables that are to be kept, as they are staged.

        Raises:
            TablesLostError: It does.
        """
        lost = self.without(paths)
        if lost:
            raise TablesLostError(
                f"The dataset has tables that no file given here belongs to: {', '.join(lost)}",
                where={"dataset": self.name, "staging": self.staging},
                hint="Nothing was written. Name a file of each as well, or put one into the staging folder; "
                "if its files have other names now, change its pattern first. Or make another dataset",
            )
        moved = sorted(key for key in kept if key not in paths)
        if moved:
            raise TablesLostError(
                "These files and those in the staging folder can't be told apart by their names",
                where={"dataset": self.name, "file": moved[0]},
                hint="Nothing was written. Put the new files into a folder of their own, with other names",
            )
