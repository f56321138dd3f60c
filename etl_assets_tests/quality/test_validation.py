from pathlib import Path

import polars as pl
import pytest

from etl_assets.contracts.rules import compile_contract
from etl_assets_tests.quality.desk import MONDAY, TUESDAY, Sales, Totals, judge, sale


def test_a_row_shows_every_rule_that_it_broke(tmp_path: Path) -> None:
    found = judge(
        [sale(1), sale(2, order_id="4", quantity="0", country="XX", sold_on="2024-01-02")], tmp_path
    )

    assert found.kept == ["d1:1"]
    assert found.reasons["d1:2"].split(";") == [
        "country.in_countries",
        "quantity.greater_than_or_equal_to",
        "in_period",
        "even_orders_are_large",
    ]


def test_quarantine_holds_the_cells_as_delivered(tmp_path: Path) -> None:
    found = judge([sale(1), sale(2, quantity=" 2O ", sold_on="01/01/2024")], tmp_path)

    [row] = found.quarantined.iter_rows(named=True)
    assert (row["quantity"], row["sold_on"], row["_delivery"], row["_line"]) == (
        " 2O ",
        "01/01/2024",
        "d1",
        2,
    )
    assert found.quarantined.schema["quantity"] == pl.String
    assert found.accepted.schema["quantity"] == pl.Int64


def test_what_can_not_be_cast_is_not_missing_too(tmp_path: Path) -> None:
    found = judge([sale(1, quantity="many"), sale(2, quantity=None), sale(3)], tmp_path)

    assert found.reasons == {"d1:1": "quantity.castable", "d1:2": "quantity.not_null"}
    assert found.tally("quantity.castable").failed == 1
    assert found.tally("quantity.not_null").failed == 1


def test_a_cell_that_can_not_be_cast_breaks_no_rule_of_several_columns(tmp_path: Path) -> None:
    found = judge([sale(1, order_id="2", quantity="?"), sale(2)], tmp_path)

    assert found.reasons == {"d1:1": "quantity.castable"}
    assert found.tally("even_orders_are_large").failed == 0


@pytest.mark.parametrize("cell", ["1.5", "1e3", "0x10", "99999999999999999999", "nan", "", "\u0661"])
def test_no_whole_number(cell: str, tmp_path: Path) -> None:
    assert judge([sale(1, quantity=cell), sale(2)], tmp_path).reasons == {"d1:1": "quantity.castable"}


def test_a_warning_counts_and_keeps_the_row(tmp_path: Path) -> None:
    found = judge([sale(1, quantity="101", customer=None), sale(2)], tmp_path)

    assert found.kept == ["d1:1", "d1:2"]
    assert found.tally("quantity.less_than_or_equal_to").failed == 1
    assert (found.tally("customer.not_null").evaluated, found.tally("customer.not_null").failed) == (2, 1)


def test_references(tmp_path: Path) -> None:
    rows = [sale(1, country="FR"), sale(2, country="XX"), sale(3, country=None)]
    found = judge(rows, tmp_path)

    assert found.reasons == {"d1:2": "country.in_countries"}
    tally = found.tally("country.in_countries")
    assert (tally.evaluated, tally.failed) == (2, 1), "no key is no wrong key"


def test_references_to_an_empty_table(tmp_path: Path) -> None:
    found = judge([sale(1), sale(2, country=None)], tmp_path, countries=[])

    assert found.reasons == {"d1:1": "country.in_countries"}
    assert found.kept == ["d1:2"]


@pytest.mark.parametrize(
    ("cell", "inside"),
    [("2023-12-31", False), ("2024-01-01", True), ("2024-01-02", False)],
)
def test_a_period_begins_at_its_start_and_ends_before_its_end(
    cell: str, inside: bool, tmp_path: Path
) -> None:
    found = judge([sale(1, sold_on=cell), sale(2)], tmp_path)

    assert found.reasons == ({} if inside else {"d1:1": "in_period"})


def test_an_aggregate_speaks_of_the_accepted_rows_of_its_period(tmp_path: Path) -> None:
    rows = [
        sale(1, quantity="9"),
        sale(2, quantity="90", country="XX"),
        sale(3, quantity="11", _period=TUESDAY),
    ]
    found = judge(rows, tmp_path, periods=(MONDAY, TUESDAY))

    assert found[MONDAY].broken_aggregates == ("something_is_sold",)
    assert found[TUESDAY].broken_aggregates == ()
    assert found.tally("something_is_sold").evaluated == 1


def test_an_aggregate_counts_the_rows_that_only_seemed_to_repeat_a_key(tmp_path: Path) -> None:
    # Both lines of order 5 are looked at twice; the kept one must be part of the sum, the other not.
    enough = [sale(1, quantity="6"), sale(2, order_id="5", quantity="5"), sale(3, order_id="5", quantity="5")]
    less = [sale(1, quantity="5"), sale(2, order_id="5", quantity="5"), sale(3, order_id="5", quantity="5")]

    assert judge(enough, tmp_path / "enough")[MONDAY].broken_aggregates == ()
    assert judge(less, tmp_path / "less")[MONDAY].broken_aggregates == ("something_is_sold",)


def test_a_period_without_rows_is_unknown(tmp_path: Path) -> None:
    found = judge([sale(1)], tmp_path, periods=(MONDAY, TUESDAY))

    empty = found[TUESDAY]
    assert (empty.rows_in, empty.accepted, empty.quarantined, empty.duplicates) == (0, 0, 0, 0)
    assert {tally.evaluated for tally in empty.tallies} == {0}
    assert empty.broken_aggregates == ()
    assert len(empty.tallies) == len(found[MONDAY].tallies)


def test_no_rows_at_all(tmp_path: Path) -> None:
    found = judge([], tmp_path)

    assert found[MONDAY].rows_in == 0
    assert found.accepted.height == found.quarantined.height == 0
    assert found.accepted.schema["quantity"] == pl.Int64


def test_statistics_describe_the_accepted_rows(tmp_path: Path) -> None:
    rows = [
        sale(1, quantity="10", customer=None),
        sale(2, quantity="20", customer="ann"),
        sale(3, quantity="30", customer="bob"),
        sale(4, quantity="99", country="XX", customer="cid"),
    ]
    columns = {one.column: one for one in judge(rows, tmp_path)[MONDAY].statistics}

    quantity = columns["quantity"]
    assert (quantity.rows, quantity.nulls, quantity.distinct) == (3, 0, 3)
    assert (quantity.minimum, quantity.maximum, quantity.mean) == ("10", "30", 20.0)
    assert (columns["sold_on"].minimum, columns["country"].maximum) == ("2024-01-01", "DE")
    assert "_row_id" not in columns


def test_statistics_never_show_values_of_pii_columns(tmp_path: Path) -> None:
    found = judge([sale(1, customer=None), sale(2, customer="ann"), sale(3, customer="bob")], tmp_path)

    [customer] = [one for one in found[MONDAY].statistics if one.column == "customer"]
    assert (customer.minimum, customer.maximum, customer.mean) == (None, None, None)
    assert (customer.nulls, customer.distinct) == (1, 2)


def test_statistics_cover_rows_that_were_looked_at_twice(tmp_path: Path) -> None:
    rows = [
        sale(1, quantity="10"),
        sale(2, order_id="5", quantity="99"),
        sale(3, order_id="5", quantity="100"),
    ]
    [quantity] = [one for one in judge(rows, tmp_path)[MONDAY].statistics if one.column == "quantity"]

    assert (quantity.rows, quantity.minimum, quantity.maximum) == (2, "10", "99")


def test_a_table_without_provenance(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {"country": ["DE", "FR", "DE", "IT"], "total": [1.0, -2.0, 1.0, 3.0], "_period": [MONDAY] * 4}
    )
    found = judge(rows, tmp_path, Totals)

    assert sorted(found.accepted["country"]) == ["DE", "IT"]
    assert found.quarantined.to_dicts() == [
        {"_period": MONDAY, "_reasons": "total.greater_than_or_equal_to", "country": "FR", "total": -2.0}
    ]
    assert found[MONDAY].duplicates == 1


def test_an_unpartitioned_table_has_one_period_without_a_window(tmp_path: Path) -> None:
    rows = [sale(1, _period="", sold_on="1999-12-31")]
    found = judge(rows, tmp_path, periods=("",))

    assert found[""].accepted == 1


def test_accepted_rows_have_the_contracts_columns_and_dtypes(tmp_path: Path) -> None:
    contract = compile_contract(Sales)

    assert judge([sale(1)], tmp_path).accepted.schema == {**contract.schema, "_period": pl.String()}


def test_without_a_profile_only_nulls_are_counted(tmp_path: Path) -> None:
    rows = [sale(1, customer=None), sale(2)]
    columns = {one.column: one for one in judge(rows, tmp_path, profile=False)[MONDAY].statistics}

    assert (columns["customer"].rows, columns["customer"].nulls) == (2, 1)
    assert {(one.minimum, one.maximum, one.mean, one.distinct) for one in columns.values()} == {(None,) * 4}


def test_rows_of_another_period_are_not_counted_as_those_that_were_asked_for(tmp_path: Path) -> None:
    rows = [sale(1), sale(2), sale(3, _period=TUESDAY)]

    assert judge(rows, tmp_path, periods=(MONDAY,))[MONDAY].rows_in == 2


def test_counts_do_not_depend_on_how_many_periods_there_are(tmp_path: Path) -> None:
    rows = [sale(n, quantity=str(n), _period=day) for n in range(20) for day in (MONDAY, TUESDAY)]
    together = judge(rows, tmp_path / "together", periods=(MONDAY, TUESDAY))
    alone = judge([row for row in rows if row["_period"] == MONDAY], tmp_path / "alone")
    nothing = judge([], tmp_path / "nothing", periods=(MONDAY, TUESDAY))

    assert together[MONDAY] == alone[MONDAY]
    assert nothing[MONDAY] == judge([], tmp_path / "nothing alone")[MONDAY]
