"""A dataset that can't be loaded, as the UI shows it: one asset that says why."""

from __future__ import annotations

import dagster as dg

from etl_assets.errors import EtlError


def describe_failure(name: str, error: EtlError) -> dg.AssetSpec:
    """Describe what is wrong with a dataset, in its own group, where people look for its tables.

    Nothing can be run of it. What was published stays; the tables are back with the next reload of the
    code location after the dataset was mended.
    """
    where = "".join(f"\n- {key}: `{value}`" for key, value in error.where.items())
    return dg.AssetSpec(
        key=[name, "not_loaded"],
        group_name=name if name.isidentifier() else None,
        description=f"**The dataset {name} can't be loaded: {error.what}**\n{where}\n\n{error.hint}\n\n"
        "Its tables stay as they are until this is mended and the code location is reloaded.",
        metadata={"error": error.what, "hint": error.hint} | {k: str(v) for k, v in error.where.items()},
    )
