-- All days of a shop, best shop first by rank.
WITH totals AS (
    SELECT shop, SUM(revenue) AS revenue, COUNT(*) AS days
    FROM daily_revenue
    GROUP BY shop
)
SELECT
    shop,
    revenue,
    days,
    RANK() OVER (ORDER BY revenue DESC) AS place
FROM totals
