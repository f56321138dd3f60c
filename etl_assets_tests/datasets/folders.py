"""Writes datasets of a user's own: a folder each, as small as can be."""

from __future__ import annotations

import importlib
from pathlib import Path
from textwrap import dedent

BRONZE = """\
    import pandera.polars as pa

    from etl_assets.contracts.contract import RowContract


    class BronzeSales(RowContract):
        \"\"\"As delivered.\"\"\"

        id: str = pa.Field(nullable=True)
        amount: str = pa.Field(nullable=True)
    """

SILVER = """\
    import pandera.polars as pa
    import polars as pl

    from etl_assets.contracts.contract import RowContract


    class SilverSales(RowContract):
        \"\"\"Clean.\"\"\"

        id: int = pa.Field(unique=True)
        amount: float = pa.Field(ge=0)


    def sales(bronze: pl.LazyFrame) -> pl.LazyFrame:
        \"\"\"Take the rows as they are.\"\"\"
        return bronze
    """

DATASET = """\
    from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId

    from . import bronze, silver

    BRONZE = TableId(Layer.BRONZE, "sales")
    SILVER = TableId(Layer.SILVER, "sales")
    DATASET = Dataset(
        name="{name}",
        description="Sales.",
        tables=(
            Table(BRONZE, bronze.BronzeSales),
            Table(SILVER, silver.SilverSales, silver.sales, {{"bronze": BRONZE}}),
        ),
    )
    """

SETTINGS = """\
    sources: {sales: {pattern: "{period:%Y-%m-%d}.csv"}}
    calendar: {start: 2024-01-01, end: 2024-01-03}
    """


def write_dataset(folder: Path, name: str = "sales", **files: str) -> Path:
    """Write a sound dataset below a folder of datasets; files given replace those of the same name."""
    own = folder / name
    own.mkdir(parents=True, exist_ok=True)
    texts = {"__init__": DATASET.format(name=name), "bronze": BRONZE, "silver": SILVER, **files}
    for module, text in texts.items():
        (own / f"{module}.py").write_text(dedent(text), encoding="utf-8")
    return own


def write_settings(config: Path, name: str = "sales", text: str = SETTINGS) -> Path:
    """Write a dataset's settings."""
    (config / "datasets").mkdir(parents=True, exist_ok=True)
    file = config / "datasets" / f"{name}.yaml"
    file.write_text(dedent(text), encoding="utf-8")
    return file


def write_distribution(site: Path, package: str, entry_points: dict[str, str]) -> Path:
    """Write an installed package with entry points, as pip leaves it; return the package's folder."""
    info = site / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[etl_assets.datasets]", *lines, ""]))
    folder = site / package
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    # Python looks into a folder again only when its time of change differs.
    importlib.invalidate_caches()
    return folder
