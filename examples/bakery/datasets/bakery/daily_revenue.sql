-- Revenue of one day and shop. `_period` is the day of each row: a run builds many days at once.
SELECT
    sales._period,
    CAST(sales._period AS DATE) AS day,
    shops.city,
    sales.shop,
    SUM(sales.quantity * sales.price) AS revenue,
    COUNT(DISTINCT sales.receipt) AS receipts
FROM sales
JOIN shops ON sales.shop = shops.shop
GROUP BY sales._period, shops.city, sales.shop
