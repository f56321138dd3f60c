-- The amount of each day. `_period` is the day of each row: a run builds many days at once, and each of
-- them has to come out as if it were alone, so select it and group by it.
SELECT
    _period,
    CAST(_period AS DATE) AS day,
    COUNT(*) AS orders,
    SUM(amount) AS amount
FROM orders
GROUP BY _period
