"""Files that are hard to read rightly, each written by a small function, with what is to be found."""

from etl_assets_tests.inspection.hard_cases import cells, dialects, encodings, frames, tables
from etl_assets_tests.inspection.hard_cases.case import Case

CASES: dict[str, Case] = {
    **encodings.CASES,
    **dialects.CASES,
    **frames.CASES,
    **cells.CASES,
    **tables.CASES,
}
