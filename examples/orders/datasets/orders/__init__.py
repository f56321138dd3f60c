"""Orders of a small shop."""

from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId

from . import bronze, gold, silver

BRONZE = TableId(Layer.BRONZE, "orders")
SILVER = TableId(Layer.SILVER, "orders")
TURNOVER = TableId(Layer.GOLD, "turnover")

DATASET = Dataset(
    name="orders",
    description="Orders of a small shop.",
    tables=(
        Table(BRONZE, bronze.BronzeOrders),
        Table(SILVER, silver.SilverOrders, silver.orders, {"bronze": BRONZE}),
        Table(TURNOVER, gold.Turnover, gold.turnover, {"orders": SILVER}),
    ),
)
