"""Publications as `dq` shows them."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from etl_assets.cli.output import cell, grid, moment, number
from etl_assets.pipeline.publications import PublicationStanding
from etl_assets.pipeline.standing import Standing

_STYLES = {
    Standing.CURRENT: "green",
    Standing.PENDING: "yellow",
    Standing.WAITING: "yellow",
    Standing.FAILED: "bold red",
}


def publications_table(found: Iterable[PublicationStanding], *, unicode: bool) -> Table:
    """What is written out, where to, how many rows are there and since when."""
    table = grid("publication", "of", "to", "rows", "written (UTC)", "is", right=("rows",), unicode=unicode)
    for one in found:
        written = one.history.written
        table.add_row(
            cell(one.name),
            cell(one.publication.table),
            cell(one.publication.destination.place),
            number(written.rows) if written else "-",
            moment(written.ended_at) if written else "-",
            cell(one.standing, _STYLES.get(one.standing, "dim")),
        )
    table.columns[2].overflow = "fold"
    return table
