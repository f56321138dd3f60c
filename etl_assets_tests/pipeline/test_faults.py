from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from etl_assets.error_kinds import is_code_fault
from etl_assets.errors import StagingError
from etl_assets.pipeline.faults import HopError, told, without_cells
from etl_assets_tests.datasets.folders import write_distribution

ROWS = pl.LazyFrame({"amount": ["Secret", "Secret 1"]})  # whichever comes first


def raised(work: Callable[[], object]) -> Exception:
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def per_cell(kind: type[Exception]) -> Callable[[], object]:
    def broken(cell: str) -> str:
        raise kind(f"what is {cell}?")

    cells = pl.col("amount").map_elements(broken, return_dtype=pl.String)
    return lambda: ROWS.select(cells).collect(engine="streaming")


def per_batch(kind: type[Exception]) -> Callable[[], object]:
    def broken(cells: pl.Series) -> pl.Series:
        raise kind(f"what is {cells.to_list()}?")

    batches = pl.col("amount").map_batches(broken, return_dtype=pl.String)
    return lambda: ROWS.select(batches).collect(engine="streaming")


@pytest.mark.parametrize("work", [per_cell, per_batch])
@pytest.mark.parametrize("kind", [TypeError, NameError, AttributeError, ValueError, KeyError, OSError])
def test_what_python_says_of_rows_is_left_out(
    work: Callable[[type[Exception]], Callable[[], object]], kind: type[Exception]
) -> None:
    error = raised(work(kind))

    assert "Secret" in str(error)
    safe = without_cells(error, {"table": "silver/sales"})
    assert isinstance(safe, HopError)
    for text in (told(error), str(safe)):
        assert "Secret" not in text
        assert text.startswith(kind.__name__)
        assert "at etl_assets_tests/pipeline/test_faults.py line " in text
    assert not is_code_fault(error), "another partition may have no such value"


def test_polars_words_of_a_plan_are_told() -> None:
    error = raised(lambda: ROWS.filter(pl.col("amont") != "Secret").collect())

    assert told(error).startswith('ColumnNotFoundError: unable to find column "amont"')
    assert "Secret" not in told(error)
    assert is_code_fault(error)


def test_a_name_that_was_made_of_a_cell_is_left_out() -> None:
    error = raised(lambda: ROWS.map_batches(lambda rows: rows.select(rows.item(0, 0))).collect())

    assert "Secret" in str(error)
    assert told(error) == "ColumnNotFoundError; its own words are left out, for they may quote cells"


def test_a_value_that_can_not_be_cast_is_left_out_and_its_column_told() -> None:
    error = raised(lambda: ROWS.select(pl.col("amount").cast(pl.Int64)).collect())

    assert "Secret" in str(error)
    assert told(error, ["amount", "price"]).startswith("InvalidOperationError (columns amount); its own")
    assert not is_code_fault(error)


def test_wrong_code_is_a_fault_of_code_and_its_place_is_told() -> None:
    error = raised(lambda: ROWS.frobnicate("Secret"))  # type: ignore[attr-defined]

    assert told(error).startswith("AttributeError at etl_assets_tests/pipeline/test_faults.py line ")
    assert is_code_fault(error)


def test_our_own_errors_and_those_of_the_system_keep_their_words() -> None:
    for error in (StagingError("it is gone"), raised(Path("/nowhere/at/all").read_bytes)):
        assert told(error) == str(error)
        assert without_cells(error, {}) is error


@pytest.mark.parametrize(
    ("entry_points", "is_told"), [({"parts": "acme_parts.code:DATASET"}, True), ({}, False)]
)
def test_the_place_in_an_installed_dataset_is_told_that_in_a_library_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry_points: dict[str, str], is_told: bool
) -> None:
    site = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(site)
    package = write_distribution(site, "acme_parts", entry_points)
    (package / "code.py").write_text("def fail():\n    raise ValueError('a cell')\n")
    monkeypatch.delitem(sys.modules, "acme_parts", raising=False)
    monkeypatch.delitem(sys.modules, "acme_parts.code", raising=False)
    fail = importlib.import_module("acme_parts.code").fail
    with pytest.raises(ValueError, match="a cell") as caught:
        fail()
    assert ("acme_parts/code.py line 2" in told(caught.value)) is is_told
    assert "a cell" not in told(caught.value)
