"""Rows of a file as text, whatever its format, and how they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from etl_assets.errors import EtlError
from etl_assets.inspection.records import Proposal
from etl_assets.staging.formats.header import fit_names
from etl_assets.staging.formats.options import Format

_SHOWN = 5


class NoTableError(EtlError):
    """A file holds nothing that could become rows."""


@dataclass(frozen=True)
class Table:
    """Rows of a file, and how they were found.

    Attributes:
        format: How the pipeline is to read it.
        frame: Rows, text, null for an empty cell.
        proposals: How to read it, with evidence.
        problems: What is wrong with it.
        rows: How many rows the file has, None when only a part of it was read.
        complete: False when only a part of it was read.
        types: Of formats that have them: column -> type.
        hints: Column -> what else there is to say about it.
    """

    format: Format
    frame: pl.DataFrame
    proposals: tuple[Proposal, ...]
    problems: tuple[str, ...]
    rows: int | None
    complete: bool = True
    types: Mapping[str, pl.DataType] = field(default_factory=dict)
    hints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def frame_of(rows: Sequence[Sequence[str | None]], names: Sequence[str]) -> pl.DataFrame:
    """Return rows as a frame of text, null for an empty cell."""
    cells = zip(*rows, strict=True) if rows else ((),) * len(names)
    frame = pl.DataFrame(
        [pl.Series(name, values, dtype=pl.String) for name, values in zip(names, cells, strict=True)]
    )
    return frame.with_columns(pl.all().replace("", None)) if frame.width else frame


def named(
    header: Sequence[str] | None, width: int, rows: Sequence[Sequence[str | None]]
) -> tuple[tuple[str, ...], list[str], dict[str, bool]]:
    """Return names of the columns, what is wrong with the header's, and settings that mend it."""
    if header is None:
        return tuple(f"column_{n}" for n in range(1, width + 1)), [], {}
    trim = any(name != name.strip() for name in header)
    bare = [name.strip() for name in header]
    filled = [name for name in bare if name]
    repeated = (
        sorted({name for name in filled if filled.count(name) > 1}) if len(set(filled)) < len(filled) else []
    )
    empty = [n for n, name in enumerate(bare, 1) if not name]
    problems: list[str] = []
    if repeated:
        problems.append(f"Names stand in the header twice: {', '.join(repeated[:_SHOWN])}; made unique")
    if empty:
        void = all(not row[n - 1] for n in empty for row in rows)
        what = (
            ", and no cells: is there a separator too many in each line?" if void else "; named by position"
        )
        shown = ", ".join(map(str, empty[:_SHOWN]))
        have = f"Columns {shown} have" if len(empty) > 1 else f"Column {shown} has"
        problems.append(f"{have} no name{what}")
    fit = {"trim_header": trim, "unique_header": bool(repeated or empty)}
    return fit_names(header, trim=trim, unique=fit["unique_header"]), problems, fit
