"""Delta schemas of Polars schemas."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from deltalake.schema import ArrayType, Field, PrimitiveType, Schema, StructType
from polars.datatypes import DataTypeClass

from etl_assets.errors import ErrorKind, LakeError

_PRIMITIVES = {
    pl.String: "string",
    pl.Boolean: "boolean",
    pl.Int8: "byte",
    pl.Int16: "short",
    pl.Int32: "integer",
    pl.Int64: "long",
    pl.Float32: "float",
    pl.Float64: "double",
    pl.Date: "date",
    pl.Binary: "binary",
}


def delta_schema(schema: Mapping[str, pl.DataType]) -> Schema:
    """Give the Delta schema of columns in Polars dtypes; every field is nullable, the contract guards nulls.

    Raises:
        LakeError: Delta has no such dtype.
    """
    return Schema([Field(name, _delta_type(name, dtype), nullable=True) for name, dtype in schema.items()])


def _delta_type(name: str, dtype: pl.DataType) -> PrimitiveType | ArrayType | StructType:
    if (primitive := _PRIMITIVES.get(dtype.base_type())) is not None:
        return PrimitiveType(primitive)
    if isinstance(dtype, pl.Decimal):
        return PrimitiveType(f"decimal({dtype.precision},{dtype.scale})")
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "us" and dtype.time_zone in (None, "UTC"):
        return PrimitiveType("timestamp" if dtype.time_zone else "timestamp_ntz")
    if isinstance(dtype, pl.List):
        return ArrayType(_delta_type(name, _instance(dtype.inner)), contains_null=True)
    if isinstance(dtype, pl.Struct):
        return StructType(
            [Field(f.name, _delta_type(name, _instance(f.dtype)), nullable=True) for f in dtype.fields]
        )
    raise LakeError(
        f"Column {name} has dtype {dtype}, which a Delta table can't hold",
        hint="Use signed integers, Float32/64, Decimal, String, Boolean, Date, Datetime('us') without a "
        "timezone or in UTC, Binary, or lists and structs of these; a time of day as text, 23:59",
        kind=ErrorKind.BUG,
    )


def _instance(dtype: DataTypeClass | pl.DataType) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype
