"""The page of what Dagster is told: metadata keys, checks, tags."""

from __future__ import annotations

from collections.abc import Mapping

from docs.generator.markdown import code, document, escaped, table
from etl_assets.orchestration import metadata_keys as keys
from etl_assets.orchestration.checks import DIMENSION_MEANINGS, GATE, ROWS


def page() -> str:
    """Return the page."""
    return document(
        "# Metadata in Dagster",
        "Numbers have the same names for every table, so that their plots line up. The full tallies are in "
        "the ledger: `dq status --json`, `dq runs show`. Values of columns marked `pii` never appear.",
        "## Of a table",
        _keys(keys.ASSET),
        "## Of a partition",
        "On its materialization. A table without partitions has one for the whole.",
        _keys(keys.MATERIALIZATION),
        "## Checks",
        "Each table has one check for each dimension that its contract has rules of, and two more. A check "
        "speaks for the whole table as it is published, not only for what the run built.",
        table(
            ("check", "passes if"),
            [
                *(
                    (code(str(one)), f"{meaning}: each partition's score is at or above `warn`")
                    for one, meaning in DIMENSION_MEANINGS.items()
                ),
                (
                    code(ROWS),
                    "rows in = accepted + quarantined + duplicates, and the table holds the accepted ones",
                ),
                (code(GATE), "no partition is held back"),
            ],
        ),
        "A dimension's check is a warning below `warn` or where the score is unknown, an error below `fail`.",
        "### Of a dimension's check",
        _keys(keys.DIMENSION_CHECK),
        f"### Of `{ROWS}`",
        _keys(keys.ROWS_CHECK),
        f"### Of `{GATE}`",
        _keys(keys.GATE_CHECK),
        "## Of a publication",
        "Its asset is `<dataset>/publications/<name>`, after its table.",
        _keys(keys.PUBLICATION_ASSET),
        "On its materialization:",
        _keys(keys.PUBLICATION),
        f"Its check `{ROWS}` passes if the destination holds as many rows as the table:",
        _keys(keys.PUBLICATION_CHECK),
        "## Of decisions",
        "Of the step of the job `<dataset>_decide`, which takes decisions of people as typed config.",
        _keys(keys.DECIDING),
        "## Of missing deliveries",
        "An observation of the bronze table, from the daily look.",
        _keys(keys.OBSERVATION),
        "## Of circuits",
        "An observation of the bronze tables, when a look of the sensor opens or closes a circuit.",
        _keys(keys.CIRCUIT_OBSERVATION),
        "## Of a failed step",
        _keys(keys.FAILURE),
        "## Of a dataset that can't be loaded",
        "It is shown as one asset, `<dataset>/not_loaded`. A contract and a rule are named where known.",
        _keys(keys.UNLOADABLE),
        "## Tags",
        _keys(keys.TAGS),
    )


def _keys(meanings: Mapping[str, str]) -> str:
    return table(("key", "meaning"), ((code(key), escaped(meaning)) for key, meaning in meanings.items()))
