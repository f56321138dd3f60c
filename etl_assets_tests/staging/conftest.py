from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etl_assets.staging.area import StagingArea
from etl_assets.staging.content import Content
from etl_assets.staging.readers import DeliveryFile, Reading, read_delivery
from etl_assets.staging.shape import examine
from etl_assets.staging.source import CsvFormat, Source

Deliver = Callable[..., DeliveryFile]


class Desk:
    """A staging area to drop files into, and a scratch folder."""

    def __init__(self, root: Path) -> None:
        self.root = root / "area"
        self.root.mkdir()
        self.scratch = root / "scratch"
        self.area = StagingArea(self.root)

    def drop(self, name: str, data: bytes, source: Source) -> DeliveryFile:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        content = examine(path, source.format)
        # As it comes back from the ledger.
        content = Content.from_json(content.to_json())
        return DeliveryFile(self.area, name, f"id-{name}", content, self.area.stat(name).fingerprint)

    def read(self, data: bytes, columns: list[str], **options: object) -> Reading:
        source = Source(pattern="x", format=CsvFormat.model_validate(options))
        return read_delivery(self.drop("x.csv", data, source), source, columns, self.scratch)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
