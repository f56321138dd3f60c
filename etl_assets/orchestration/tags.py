"""Tags of runs: what they work on, and what they were asked for."""

from __future__ import annotations

DATASET_TAG = "etl/dataset"

STRETCH_TAG = "etl/stretch"
"""On runs that a sensor or `dq run` asked for: the work, under a name that is the same for the same work."""

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

ERROR_KIND_TAG = "etl/error_kind"
"""On failed runs: transient, resource, configuration, data or bug."""
