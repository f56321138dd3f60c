"""What a file looks like, with evidence: the entry to this room."""

from __future__ import annotations

from pathlib import Path

from etl_assets.inspection.columns import describe_column
from etl_assets.inspection.delimited import read_delimited
from etl_assets.inspection.encodings import find_encoding
from etl_assets.inspection.keys import find_keys
from etl_assets.inspection.records import Inspection
from etl_assets.inspection.sampling import SAMPLE_BYTES, take_sample


def inspect_file(path: Path, *, sample_bytes: int = SAMPLE_BYTES) -> Inspection:
    """Return what a file looks like and how to read it, with evidence.

    Args:
        path: The file.
        sample_bytes: Of a larger file only pieces are read: its start, places in its middle, its end.

    Raises:
        StagingError: It is not there, or can't be read.
    """
    path = Path(path)
    sample = take_sample(path, sample_bytes)
    encoding = find_encoding(sample)
    text = encoding.decode(sample.head)
    table = read_delimited(sample, encoding, text)
    columns = tuple(describe_column(name, table.frame[name]) for name in table.frame.columns)
    keys = find_keys(table.frame, columns, complete=sample.complete)
    return Inspection(
        path=path,
        size=sample.size,
        format=table.format,
        proposals=table.proposals,
        columns=columns,
        keys=keys,
        sample=table.frame,
        rows=table.rows,
        complete=sample.complete,
        problems=table.problems,
    )
