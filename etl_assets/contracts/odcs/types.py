"""Types and date formats: the standard's words <-> Polars dtypes and strftime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from etl_assets.contracts.odcs.findings import Findings, Loss

_INTEGERS: dict[str, pl.DataType] = {
    "i8": pl.Int8(),
    "i16": pl.Int16(),
    "i32": pl.Int32(),
    "i64": pl.Int64(),
    "u8": pl.UInt8(),
    "u16": pl.UInt16(),
    "u32": pl.UInt32(),
    "u64": pl.UInt64(),
}
_FLOATS: dict[str, pl.DataType] = {"f32": pl.Float32(), "f64": pl.Float64()}
_FORMATS = {str(dtype): word for word, dtype in (_INTEGERS | _FLOATS).items()}
_UNITS = {"ms": 3, "us": 6, "ns": 9}

# SQL's names of types, as data sources spell them.
_PHYSICAL: dict[str, pl.DataType] = {
    **dict.fromkeys(("tinyint", "byte"), pl.Int8()),
    **dict.fromkeys(("smallint", "short", "int2"), pl.Int16()),
    **dict.fromkeys(("integer", "int", "int4"), pl.Int32()),
    **dict.fromkeys(("bigint", "long", "int8", "int64"), pl.Int64()),
    **dict.fromkeys(("real", "float4"), pl.Float32()),
    **dict.fromkeys(("double", "double precision", "float8", "float64"), pl.Float64()),
    **dict.fromkeys(("string", "text", "varchar", "char", "character varying", "nvarchar"), pl.String()),
    **dict.fromkeys(("boolean", "bool"), pl.Boolean()),
    "date": pl.Date(),
    "time": pl.Time(),
    **dict.fromkeys(("timestamp", "datetime", "timestamp_ntz"), pl.Datetime("us")),
}
_LOGICAL: dict[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "time": pl.Time(),
    "timestamp": pl.Datetime("us"),
}
_DECIMAL = re.compile(r"(?:decimal|numeric|number)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_SIZED = re.compile(r"([a-z_ ]+?)\s*\(\s*(\d+)\s*\)")


def dtype_of(property: Mapping[str, Any], path: tuple[str, ...], findings: Findings) -> pl.DataType | None:
    """Return the Polars dtype that a property means; None, and a finding, where there is none."""
    logical = property.get("logicalType")
    options = property.get("logicalTypeOptions") or {}
    physical = str(property.get("physicalType") or "").strip().lower()
    if logical in ("object", "array"):
        findings.add((*path, "logicalType"), f"columns of {logical}s are not read: flatten them", Loss.TABLE)
        return None
    if logical == "integer" and options.get("format") in _INTEGERS:
        return _INTEGERS[options["format"]]
    if logical == "number" and options.get("format") in _FLOATS:
        return _FLOATS[options["format"]]
    found = _physical(physical)
    if logical is None and found is None:
        findings.add(path, "neither logicalType nor physicalType says a type that is known", Loss.TABLE)
        return None
    if found is None or (logical is not None and not _fits(found, logical)):
        if physical:
            findings.add((*path, "physicalType"), f"{physical} is not known; logicalType counts", Loss.NOTE)
        found = _LOGICAL[str(logical)]
    if isinstance(found, pl.String) and (sized := _SIZED.fullmatch(physical)):
        what = f"that no value has more than {sized[2]} characters is not checked: say maxLength"
        findings.add((*path, "physicalType"), what, Loss.RULE)
    if isinstance(found, pl.Datetime) and options.get("timezone"):
        return pl.Datetime(found.time_unit, str(options.get("defaultTimezone", "UTC")))
    return found


def type_keys(dtype: pl.DataType, rule: str, findings: Findings) -> dict[str, Any]:
    """Return the keys `logicalType`, `physicalType`, `logicalTypeOptions` that mean a dtype."""
    if isinstance(dtype, pl.Decimal):
        return {"logicalType": "number", "physicalType": f"decimal({dtype.precision},{dtype.scale})"}
    if isinstance(dtype, pl.Datetime):
        keys: dict[str, Any] = {
            "logicalType": "timestamp",
            "physicalType": f"timestamp({_UNITS[dtype.time_unit]})",
        }
        if dtype.time_zone:
            keys["logicalTypeOptions"] = {"timezone": True, "defaultTimezone": dtype.time_zone}
        return keys
    if word := _FORMATS.get(str(dtype)):
        logical = "number" if word.startswith("f") else "integer"
        default = dtype == _LOGICAL[logical]
        return {"logicalType": logical} | ({} if default else {"logicalTypeOptions": {"format": word}})
    for logical, known in _LOGICAL.items():
        if dtype == known:
            return {"logicalType": logical}
    findings.add(rule, f"the standard has no type for {dtype}; it is said as physicalType", Loss.TABLE)
    return {"physicalType": str(dtype)}


def _physical(text: str) -> pl.DataType | None:
    if decimal := _DECIMAL.fullmatch(text):
        return pl.Decimal(int(decimal[1]), int(decimal[2] or 0))
    if sized := _SIZED.fullmatch(text):
        found = _PHYSICAL.get(sized[1])
        if isinstance(found, pl.Datetime):
            digits = int(sized[2])
            return pl.Datetime("ms" if digits <= 3 else "us" if digits <= 6 else "ns")
        return found
    return _PHYSICAL.get(text)


def _fits(dtype: pl.DataType, logical: str) -> bool:
    if logical == "number":
        return dtype.is_numeric()
    if logical == "integer":
        return dtype.is_integer()
    return type(dtype) is type(_LOGICAL[logical])


# -- formats of dates ---------------------------------------------------------------------------

# The standard speaks Java's DateTimeFormatter.
_JAVA = {
    "yyyy": "%Y",
    "uuuu": "%Y",
    "yy": "%y",
    "MM": "%m",
    "MMM": "%b",
    "MMMM": "%B",
    "dd": "%d",
    "HH": "%H",
    "hh": "%I",
    "mm": "%M",
    "ss": "%S",
    "a": "%p",
    "EEE": "%a",
    "EEEE": "%A",
    "DDD": "%j",
    "d": "%-d",
    "M": "%-m",
    "H": "%-H",
    "XXX": "%:z",
    "SSSSSS": "%6f",
    "SSS": "%3f",
}
_PYTHON = {python: java for java, python in reversed(_JAVA.items())} | {"%Y": "yyyy"}


def strftime_of(java: str) -> str | None:
    """Return Java's pattern as strftime; None where it has letters without a counterpart."""
    parts = []
    for token in re.finditer(r"'((?:[^']|'')*)'|(([a-zA-Z])\3*)|[^a-zA-Z']+|'", java):
        text = token[0]
        if token[1] is not None:
            parts.append((token[1].replace("''", "'") or "'").replace("%", "%%"))
        elif token[2] is not None:
            # ISO's T between date and time is often written without its quotes.
            known = _JAVA.get(text, "T" if text == "T" else None)
            if known is None:
                return None
            parts.append(known)
        elif text == "'":
            return None
        else:
            parts.append(text.replace("%", "%%"))
    return "".join(parts)


def java_of(strftime: str) -> str | None:
    """Return a strftime format as Java's pattern; None where it has a field without a counterpart."""
    parts = []
    for token in re.finditer(r"%(?:[36]f|:z|-[dmH]|.)|[^%]+|%", strftime):
        text = token[0]
        if text.startswith("%") and text != "%%":
            if text not in _PYTHON:
                return None
            parts.append(_PYTHON[text])
        else:
            # One pair of quotes around all letters of the literal: two pairs side by side are a quote.
            parts.append(re.sub(r"[a-zA-Z'](?:.*[a-zA-Z'])?", _quoted, text.replace("%%", "%")))
    return "".join(parts)


def _quoted(found: re.Match[str]) -> str:
    return "'" + found[0].replace("'", "''") + "'"
