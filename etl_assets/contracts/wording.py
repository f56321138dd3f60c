"""Rules in words, for people who read reports."""

from __future__ import annotations

from typing import Any

import pandera.polars as pa

from etl_assets.contracts.expressions import canonical

_DEMANDS = {
    "equal_to": "is {value}",
    "not_equal_to": "is not {value}",
    "greater_than": "is greater than {min_value}",
    "greater_than_or_equal_to": "is at least {min_value}",
    "less_than": "is less than {max_value}",
    "less_than_or_equal_to": "is at most {max_value}",
    "in_range": "lies between {min_value} and {max_value}",
    "isin": "is one of {allowed_values}",
    "notin": "is none of {forbidden_values}",
    "str_matches": "begins with the pattern {pattern}",
    "str_contains": "contains the pattern {pattern}",
    "str_startswith": "begins with {string}",
    "str_endswith": "ends with {string}",
}


def demand(column: str, check: pa.Check) -> str:
    """Say in one sentence what a built-in check demands of a column."""
    arguments: dict[str, Any] = check._check_kwargs
    name = str(check.name)
    if name == "str_length":
        bounds = {"min_value": "at least", "max_value": "at most", "exact_value": "exactly"}
        given = [f"{bounds[key]} {value}" for key, value in arguments.items() if value is not None]
        return f"{column} has {' and '.join(given)} characters"
    template = _DEMANDS.get(name, name.replace("_", " "))
    return f"{column} {template.format(**{key: _shown(value) for key, value in arguments.items()})}"


def _shown(value: Any) -> str:
    if isinstance(value, set | frozenset | list | tuple):
        return ", ".join(sorted(canonical(item).strip("'") for item in value))
    return value if isinstance(value, str) else canonical(value)
