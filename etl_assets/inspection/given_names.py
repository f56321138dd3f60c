"""Names that a person gives to the columns of a file without a header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etl_assets.inspection.columns import describe_column
from etl_assets.inspection.keys import find_keys
from etl_assets.inspection.records import Inspection
from etl_assets.inspection.table import NoTableError
from etl_assets.staging.formats.options import DelimitedFormat, ExcelFormat, Format


def is_unnamed(format: Format) -> bool:
    """Whether a file has no header, and its columns were named by their places."""
    if not isinstance(format, DelimitedFormat | ExcelFormat) or format.header:
        return False
    return all(name == f"column_{n}" for n, name in enumerate(format.columns or (), 1))


def with_names(inspection: Inspection, names: Sequence[str]) -> Inspection:
    """Return an inspection as if its columns had these names: what a column is goes by its name, too.

    Raises:
        NoTableError: The file has a header, or another number of columns.
    """
    format, frame = inspection.format, inspection.sample
    where: dict[str, object] = {"file": inspection.path}
    if not isinstance(format, DelimitedFormat | ExcelFormat) or format.header:
        hint = "Names are given to columns of files without a header; rename others in silver"
        raise NoTableError("The file names its columns itself", where=where, hint=hint)
    if len(names) != frame.width:
        counts = f"The file has {frame.width:,} columns, and {len(names):,} names are given"
        raise NoTableError(counts, where=where, hint="Give one for each, in their order")
    sample = frame.rename(dict(zip(frame.columns, names, strict=True)))
    columns = tuple(describe_column(name, sample[name]) for name in names)
    return replace(
        inspection,
        format=format.model_copy(update={"columns": tuple(names)}),
        sample=sample,
        columns=columns,
        keys=find_keys(sample, columns),
    )
