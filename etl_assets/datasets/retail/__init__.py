"""UCI Online Retail: the invoice lines of a UK gift wholesaler, one CSV a trading day."""

from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.datasets.retail import bronze, gold, silver

BRONZE_SALES = TableId(Layer.BRONZE, "sales")
SALES = TableId(Layer.SILVER, "sales")
CUSTOMER_DAYS = TableId(Layer.GOLD, "customer_days")

DATASET = Dataset(
    name="retail",
    description="Invoice lines of a UK gift wholesaler, 2010 to 2011.",
    tables=(
        Table(BRONZE_SALES, bronze.BronzeSales),
        Table(SALES, silver.SilverSales, silver.sales, {"bronze": BRONZE_SALES}),
        Table(TableId(Layer.GOLD, "daily_revenue"), gold.DailyRevenue, gold.daily_revenue, {"sales": SALES}),
        Table(
            TableId(Layer.GOLD, "product_performance"),
            gold.ProductPerformance,
            gold.product_performance,
            {"sales": SALES},
        ),
        Table(CUSTOMER_DAYS, gold.CustomerDays, gold.customer_days, {"sales": SALES}),
        Table(
            TableId(Layer.GOLD, "customer_rfm"),
            gold.CustomerRfm,
            gold.customer_rfm,
            {"customer_days": CUSTOMER_DAYS},
            partitioned=False,
        ),
    ),
    owners=("team:retail",),
)
