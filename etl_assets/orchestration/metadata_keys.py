"""What each metadata key and tag in Dagster means; a test runs a dataset and finds no other."""

from __future__ import annotations

from etl_assets.orchestration.checks import DIMENSION_MEANINGS
from etl_assets.orchestration.tags import DATASET_TAG, ERROR_KIND_TAG, RANGE_END, RANGE_START, STRETCH_TAG

ASSET = {
    "dagster/column_schema": "columns: type, description, whether nulls are allowed, and each rule with its "
    "severity; columns of personal data carry the tag `pii`",
    "dagster/table_name": "dataset, layer and table, such as `retail.silver.sales`",
    "dagster/uri": "the folder of the Delta table",
}
"""Of an asset's definition."""

UNLOADABLE = {
    "error": "what is wrong with the dataset's code or settings",
    "hint": "how to mend it",
    "dataset": "the dataset",
    "file": "the file to look at",
    "line": "its line",
}
"""Of the asset `<dataset>/not_loaded`, which stands for a dataset that can't be loaded; where there is more
to say of the place, such as the contract and the rule, it is a key too."""

MATERIALIZATION = {
    "dagster/partition_row_count": "rows of the partition that are published",
    "rows_in": "rows that came in: accepted + quarantined + duplicates",
    "accepted": "rows that are published",
    "quarantined": "rows in quarantine, unreadable records included",
    "duplicates": "rows that were declared duplicates",
    "unreadable": "records that could not be read; part of `quarantined`",
    "corrected": "accepted rows with cells that a person changed; left out where there are none",
    "waived": "accepted rows that broke a rule which a person waived; left out where there are none",
    "discarded": "quarantined rows whose loss a person accepted; left out where there are none",
    "waiting": "quarantined rows that wait for what they refer to; left out where there are none",
    "score": "the table's score, 0 to 1; left out where it is unknown",
    "row_score": "share of rows that broke no rule of severity `error`; left out where it is unknown",
    **{
        str(dimension): f"score of the dimension, 0 to 1: {meaning}; left out where it is unknown"
        for dimension, meaning in DIMENSION_MEANINGS.items()
    },
    "dagster/uri": "the folder of the Delta table",
    "state_id": "hash of everything that the partition was built from; the same id, the same rows",
    "broken_rules": "a table of the rules that rows broke in this run; on the run's last partition only",
    "dagster/column_lineage": "which upstream columns each column is computed from; on the run's last "
    "partition only",
    "seconds": "how long the step took, for all of its partitions; on the run's last partition only",
    "cpu_seconds": "time on all cores that the step took; on the run's last partition only",
    "peak_memory_bytes": "the most memory that its process held meanwhile; on the run's last partition only",
}
"""Of a partition's materialization, or of a table's that has no partitions."""

DIMENSION_CHECK = {
    "partitions": "partitions that are published",
    "below_warn": "of those, how many score below `warn`",
    "below_fail": "of those, how many score below `fail`",
    "unknown": "of those, how many have no score, since nothing could be evaluated",
    "thresholds": "the limits that hold for this table and dimension",
    "score": "score over all that is published; left out where it is unknown",
    "worst_score": "the lowest score of a partition",
    "worst_partition": "the partition that has it",
    "broken_rules_of_this_run": "a table of the dimension's rules that rows broke in this run",
}
"""Of the check of a dimension, such as `validity`."""

ROWS_CHECK = {
    "rows_in": "rows that came in, over all that is published",
    "accepted": "of those, rows that are published",
    "quarantined": "of those, rows in quarantine",
    "duplicates": "of those, rows that were declared duplicates",
    "unreadable": "records that could not be read; part of `quarantined`",
    "rows_in_table": "rows that the Delta table really holds; must equal `accepted`",
}
"""Of the check `row_reconciliation`."""

GATE_CHECK = {
    "held": "partitions that are held back",
    "rows_held": "rows in them",
    "tolerance": "share of a partition's rows that may be quarantined",
}
"""Of the check `gate`."""

OBSERVATION = {
    "missing_deliveries": "due periods without a delivery",
    "missing": "the first of them",
}
"""Of a bronze table, once a day while deliveries are missing."""

CIRCUIT_OBSERVATION = {
    "circuit": "what is sick as a whole: `staging` or `lake`",
    "circuit_state": "`open`: no run is started; `closed`: work goes through again",
    "since": "since when it is open",
    "failures": "failures in a row",
    "error_kind": "of the last failure: `transient`, `resource`, `configuration`, `data` or `bug`",
    "error": "what failed last",
    "next_probe": "when it is tried again",
}
"""Of a bronze table, when a look of the sensor opens or closes a circuit of its dataset."""

FAILURE = {
    "error_kind": "`transient`, `resource`, `configuration`, `data` or `bug`; it decides what happens",
    "error_class": "the class of the error, or `GateClosed`",
    "circuit": "what is sick as a whole, `staging` or `lake`; left out where it is one partition's trouble",
    "what_now": "whether it is tried again by itself",
    "hint": "what to do",
}
"""Of a failed step."""

PUBLICATION_ASSET = {
    "dagster/column_schema": "columns: type, description, whether nulls are allowed",
    "destination": "where it is written to",
    "table": "the table that is written out, such as `gold/daily`",
}
"""Of the definition of a publication's asset."""

PUBLICATION = {
    "dagster/row_count": "rows at the destination, counted there",
    "rows_written": "of these, rows that were written now",
    "partitions_written": "partitions that were replaced, added or removed",
    "destination": "where it was written to",
    "state_id": "hash of everything that the destination holds; the same id, the same rows",
    "seconds": "how long the step took",
    "cpu_seconds": "time on all cores that it took",
    "peak_memory_bytes": "the most memory that its process held meanwhile",
}
"""Of a publication's materialization."""

PUBLICATION_CHECK = {
    "rows_in_table": "rows that are published in the lake",
    "rows_at_destination": "rows at the destination, counted there before they were published; must be equal",
}
"""Of the check `row_reconciliation` of a publication."""

DECIDING = {
    "decisions": "the numbers of the decisions that were made; `none` of a dry run",
    "rows": "refused rows that they speak of",
    "partitions": "partitions that they speak of",
}
"""Of a run of the job `<dataset>_decide`."""

TAGS = {
    DATASET_TAG: "the dataset; on assets, jobs, sensors, schedules and runs",
    STRETCH_TAG: "on runs that a sensor or `dq run` asked for: names the work, the same for the same work",
    ERROR_KIND_TAG: "on failed runs: `transient`, `resource`, `configuration`, `data` or `bug`",
    RANGE_START: "Dagster's own, on a run over several partitions: the first",
    RANGE_END: "Dagster's own, on a run over several partitions: the last",
}
