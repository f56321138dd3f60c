"""Names that a person gives to the columns of a file without a header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etl_assets.inspection.columns import describe_column
from etl_assets.inspection.keys import find_keys
from etl_assets.inspection.records import Inspection
from etl_assets.inspection.table import NoTableError
from etl_assets.staging.formats.options import (
    DelimitedFormat,
    ExcelFormat,
    FixedWidthColumn,
    FixedWidthFormat,
    Format,
)


def is_unnamed(format: Format) -> bool:
    """Whether a file has no header, and its columns were named by their places."""
    if isinstance(format, FixedWidthFormat):
        names = [one.name for one in format.columns]
    elif isinstance(format, DelimitedFormat | ExcelFormat) and not format.header:
        names = [*(format.columns or ())]
    else:
        return False
    return all(name == f"column_{n}" for n, name in enumerate(names, 1))


def with_names(inspection: Inspection, names: Sequence[str]) -> Inspection:
    """Return an inspection as if its columns had these names: what a column is goes by its name, too.

    Raises:
        NoTableError: The file has a header, or another number of columns.
    """
    format, frame = inspection.format, inspection.sample
    where: dict[str, object] = {"file": inspection.path}
    if not isinstance(format, DelimitedFormat | ExcelFormat | FixedWidthFormat) or not is_unnamed(format):
        hint = "Names are given to columns of files without a header; rename others in silver"
        raise NoTableError("The file names its columns itself", where=where, hint=hint)
    if len(names) != frame.width:
        counts = f"The file has {frame.width:,} columns, and {len(names):,} names are given"
        raise NoTableError(counts, where=where, hint="Give one for each, in their order")
    sample = frame.rename(dict(zip(frame.columns, names, strict=True)))
    columns = tuple(describe_column(name, sample[name]) for name in names)
    given: tuple[str, ...] | tuple[FixedWidthColumn, ...] = tuple(names)
    if isinstance(format, FixedWidthFormat):
        given = tuple(
            one.model_copy(update={"name": name}) for one, name in zip(format.columns, names, strict=True)
        )
    return replace(
        inspection,
        format=format.model_copy(update={"columns": given}),
        sample=sample,
        columns=columns,
        keys=find_keys(sample, columns),
    )
