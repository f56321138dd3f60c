"""The columns that every row carries from its delivery to silver, and the names that are reserved."""

from __future__ import annotations

DELIVERY = "_delivery"
LINE = "_line"
ROW_ID = "_row_id"

#: Where a row comes from: the delivery's id (String), the physical line on which its record starts
#: (Int64, from 1; for Parquet the row number), and both together as `_delivery:_line` (String).
PROVENANCE = (DELIVERY, LINE, ROW_ID)

#: The partition's key (String); only in partitioned tables.
PERIOD = "_period"

#: In the input of a silver function: the bronze columns as delivered (Struct).
DELIVERED = "_delivered"

#: The first instant of the row's period and the first one after it (Datetime); see the rule `in_period`.
PERIOD_START = "_period_start"
PERIOD_END = "_period_end"
