import datetime

import pandera.polars as pa
import pytest

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.errors import ContractError
from etl_assets.lake.storable import check_storable


class BronzeShifts(RowContract):
    """Shifts as delivered."""

    begins: str = pa.Field(nullable=True)


class SilverShifts(RowContract):
    """Shifts, with a time of day that no Delta table holds."""

    begins: datetime.time = pa.Field()


def shifts(bronze):
    return bronze


def test_a_dtype_that_tables_can_t_hold_is_told_when_the_code_loads():
    bronze = TableId(Layer.BRONZE, "shifts")
    tables = (
        Table(bronze, BronzeShifts),
        Table(TableId(Layer.SILVER, "shifts"), SilverShifts, shifts, {"bronze": bronze}),
    )
    check_storable(Dataset("staff", "Shifts.", tables[:1]))
    with pytest.raises(ContractError, match="begins") as told:
        check_storable(Dataset("staff", "Shifts.", tables))
    assert told.value.where == {"dataset": "staff", "table": "silver/shifts"}
    assert "as text" in told.value.hint
