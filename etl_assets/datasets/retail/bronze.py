"""Retail as delivered: one CSV a trading day, every cell text."""

import pandera.polars as pa

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.declare import about


class BronzeSales(RowContract):
    """One line of an invoice as the shop's till exports it."""

    InvoiceNo: str = pa.Field(nullable=True)
    StockCode: str = pa.Field(nullable=True)
    Description: str = pa.Field(nullable=True)
    Quantity: str = pa.Field(nullable=True)
    InvoiceDate: str = pa.Field(nullable=True)
    UnitPrice: str = pa.Field(nullable=True)
    CustomerID: str = pa.Field(nullable=True, metadata=about(pii=True))
    Country: str = pa.Field(nullable=True)
