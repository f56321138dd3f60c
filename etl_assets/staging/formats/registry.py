"""Which handler reads which format."""

from __future__ import annotations

from collections.abc import Mapping

from etl_assets.staging.extracts.handler import EXTRACT
from etl_assets.staging.formats.columnar import ARROW, PARQUET
from etl_assets.staging.formats.delimited import DELIMITED
from etl_assets.staging.formats.excel import EXCEL
from etl_assets.staging.formats.fixed_width import FIXED_WIDTH
from etl_assets.staging.formats.handler import Handler
from etl_assets.staging.formats.json_array import JSON
from etl_assets.staging.formats.json_lines import JSON_LINES
from etl_assets.staging.formats.options import Format

_HANDLERS: Mapping[str, Handler] = {
    "csv": DELIMITED,
    "tsv": DELIMITED,
    "fixed_width": FIXED_WIDTH,
    "jsonl": JSON_LINES,
    "json": JSON,
    "excel": EXCEL,
    "parquet": PARQUET,
    "arrow": ARROW,
    "extract": EXTRACT,
}


def handler(format: Format) -> Handler:
    """Return what reads a format."""
    return _HANDLERS[format.type]
