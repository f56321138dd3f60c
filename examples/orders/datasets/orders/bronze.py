"""Orders as delivered: every cell text."""

import pandera.polars as pa

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.declare import about


class BronzeOrders(RowContract):
    """One order as the shop exports it."""

    order_id: str = pa.Field(nullable=True)
    ordered_on: str = pa.Field(nullable=True)
    shipped_on: str = pa.Field(nullable=True)
    customer: str = pa.Field(nullable=True, metadata=about(pii=True))
    country: str = pa.Field(nullable=True)
    amount: str = pa.Field(nullable=True)
