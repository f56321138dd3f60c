"""The fields of JSON records that nobody spoke of, named only where a name is hardly data."""

from __future__ import annotations

import re

from etl_assets.staging.formats.json_paths import Step, written_path

_NAME = re.compile(r"[^\W\d][\w-]{0,63}")
"""What programs call a field: no spaces, and no number, address or person's full name."""


class UnknownFields:
    """Notes fields that are in no column and under no path.

    An object may have names, addresses or numbers of persons for its keys. So a key is shown only if it
    stands at the top level, looks like the name of a field, and is one of at least half of the records.

    Attributes:
        records: How many records there were.
    """

    def __init__(self) -> None:
        self.records = 0
        self._top: dict[str, int] = {}
        self._top_lines: dict[str, int] = {}
        self._keys: dict[tuple[Step, ...], dict[str, int]] = {}
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._top) + len(self._places) + sum(map(len, self._keys.values()))

    def add(self, above: tuple[Step, ...], step: Step, line: int) -> None:
        """Note a field below what is declared, and the line of its record."""
        if isinstance(step, int):
            self._places.setdefault(written_path((*above, step)), line)
        elif above:
            self._keys.setdefault(above, {}).setdefault(step, line)
        else:
            self._top[step] = self._top.get(step, 0) + 1
            self._top_lines.setdefault(step, line)

    def add_plain(self, path: tuple[Step, ...], line: int) -> None:
        """Note that a declared path leads through what is a plain value in this record."""
        self._places.setdefault(written_path(path), line)

    def shown(self) -> tuple[str, ...]:
        """Return the fields whose names may be shown."""
        return (*filter(self._may_be_shown, self._top), *self._places)

    def hidden(self) -> str:
        """Return how many others there are, and where; "" if there are none."""
        counts = {f"below {written_path(above)!r}": len(keys) for above, keys in self._keys.items()}
        counts["at the top level"] = sum(not self._may_be_shown(name) for name in self._top)
        found = [f"{count} {where}" for where, count in counts.items() if count]
        if not found:
            return ""
        return f"unknown fields, not shown, for their names may be data: {', '.join(found[:20])}"

    def lines(self) -> tuple[int, ...]:
        """Return the lines of the first records that have one, each line once."""
        of_keys = [line for keys in self._keys.values() for line in keys.values()]
        return tuple(sorted({*self._top_lines.values(), *self._places.values(), *of_keys}))[:10]

    def _may_be_shown(self, name: str) -> bool:
        return 2 * self._top[name] >= self.records and _NAME.fullmatch(name) is not None
