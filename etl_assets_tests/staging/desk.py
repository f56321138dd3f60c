from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from etl_assets.staging.area import StagingFolder
from etl_assets.staging.content import Content
from etl_assets.staging.delivery_file import DeliveryFile
from etl_assets.staging.examination import examine
from etl_assets.staging.formats.options import CsvFormat, ParquetFormat
from etl_assets.staging.readers import Reading, read_delivery
from etl_assets.staging.source import Source


class Desk:
    """A staging area to drop files into, and a folder for scratch files."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "area"
        self.root.mkdir()
        self.scratch = folder / "scratch"
        self.area = StagingFolder(self.root)

    def drop(self, name: str, data: bytes, source: Source) -> DeliveryFile:
        path = self.root / name
        path.write_bytes(data)
        # Through JSON, as it comes back from the ledger.
        content = Content.from_json(examine(path, source.format).to_json())
        return DeliveryFile(self.area, name, f"id-{name}", content, self.area.stat(name).fingerprint)

    def read(self, data: bytes, columns: Sequence[str], **options: object) -> Reading:
        source = csv_source(**options)
        return read_delivery(self.drop("x.csv", data, source), source, columns, self.scratch)

    def read_parquet(
        self, data: bytes, columns: Sequence[str], types: Mapping[str, pl.DataType] | None = None
    ) -> Reading:
        source = Source(pattern="x", format=ParquetFormat())
        file = self.drop("x.parquet", data, source)
        return read_delivery(file, source, columns, self.scratch, types=types)


def csv_source(**options: object) -> Source:
    return Source(pattern="x", format=CsvFormat.model_validate(options))
