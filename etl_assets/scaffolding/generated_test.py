"""A test of the dataset that runs: made-up cells are read, others are refused, a staged file would pass.

No cell of the files that the dataset was drafted from is in it: they may be personal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl_assets.inspection.records import Column, Kind
from etl_assets.scaffolding.code import docstring, listing, literal, mapping, statement
from etl_assets.scaffolding.drafts import TEXT, ColumnDraft, TableDraft
from etl_assets.staging.source import PeriodFrom

# Nothing reads this as a number, a date or a word for yes.
UNREADABLE = "?!"

_MOMENT = {
    "Y": "2024", "y": "24", "m": "02", "d": "29", "H": "13", "I": "01", "M": "45", "S": "00", "f": "000000",
    "p": "PM", "z": "+00:00", "b": "Feb", "B": "February", "j": "060", "a": "Thu", "A": "Thursday",
    "T": "13:45:00", "R": "13:45", "D": "02/29/24", "F": "2024-02-29", "e": "29", "k": "13", "l": "1",
    "G": "2024", "V": "09", "u": "4", "h": "Feb", "%": "%",
}  # fmt: skip


def generated_test(name: str, tables: Sequence[TableDraft], code_folder: str) -> str:
    """`tests/test_<name>.py`."""
    lines = [
        *docstring(f"What becomes of cells of {name} as they are delivered; run it with pytest."),
        "",
        *(["import json"] if _of_columns(tables) else []),
        "from pathlib import Path",
        "",
        "import pytest",
        "from etl_assets.cli.main import app",
        "from etl_assets.datasets import load_dataset",
        "from etl_assets.settings import load_settings",
        "from etl_assets.testing import judge",
        "from typer.testing import CliRunner",
        "",
        "PROJECT = Path(__file__).parents[1]",
        f"DATASET = load_dataset({literal(name)}, [PROJECT / {literal(code_folder)}])",
    ]
    for number, table in enumerate(tables):
        lines += [""] if number else []
        lines += _table_test(table)
    lines += _staged_test(name, tables)
    return "\n".join(lines) + "\n"


def _table_test(table: TableDraft) -> Iterator[str]:
    cells = {
        column.header: _cell(column) for column in table.columns if column.header not in table.material.types
    }
    if not cells:
        return
    constant = table.name.upper()
    yield ""
    yield f"# A row of {table.name}, made up: put in cells that you have seen, and those that you fear."
    yield from statement(f"{constant} = ", mapping(cells))
    typed = [column for column in table.columns if column.dtype != TEXT and column.header in cells]
    yield from ("", "")
    yield f"def test_cells_of_{table.name}_are_read():"
    yield f"    verdict = judge(DATASET, {literal(f'silver/{table.name}')}, [{constant}])"
    yield "    # Whether the values keep the other rules is another question."
    yield '    assert "castable" not in verdict.reasons.get(0, "")'
    if typed:
        # All columns at once, so that three thousand of them are one call.
        yield from ("", "")
        yield f"def test_what_can_not_be_read_of_{table.name}_is_refused():"
        headers = [literal(column.header) for column in typed[:5]]
        rules = [literal(f"{column.name}.castable") for column in typed[:5]]
        yield "    unreadable = {"
        yield from (f"        {header}: {rule}," for header, rule in zip(headers, rules, strict=True))
        yield "    }"
        yield f"    rows = [{constant} | {{header: {literal(UNREADABLE)}}} for header in unreadable]"
        yield f"    verdict = judge(DATASET, {literal(f'silver/{table.name}')}, rows)"
        yield "    for row, rule in enumerate(unreadable.values()):"
        yield '        assert rule in verdict.reasons[row].split(";")'


def _staged_test(name: str, tables: Sequence[TableDraft]) -> Iterator[str]:
    held = sorted(key for table in tables for key in table.material.held)
    if held:
        yield from ("", "")
        yield "# Another header than the contract's: on hold until it is declared. Take them out then."
        yield from statement("ON_HOLD = ", listing(held))
    yield from ("", "")
    yield "def staged_files():"
    yield from docstring("The newest files that were delivered: nothing of them is kept here.", indent=4)
    yield f'    staging = Path(load_settings(PROJECT / "config").staging_url({literal(name)}))'
    yield '    files = [path for path in staging.rglob("*") if path.is_file()]'
    if held:
        yield "    files = [one for one in files if one.relative_to(staging).as_posix() not in ON_HOLD]"
    yield "    return sorted(files, key=lambda path: path.stat().st_mtime)[-3:]"
    yield from ("", "")
    yield "def test_files_that_were_delivered_would_be_published(monkeypatch):"
    yield "    files = staged_files()"
    yield "    if not files:"
    yield '        pytest.skip("nothing is staged")'
    yield '    monkeypatch.setenv("ETL_CONFIG_DIR", str(PROJECT / "config"))'
    yield "    for file in files:"
    if not _of_columns(tables):
        yield f'        tried = CliRunner().invoke(app, ["try", {literal(name)}, str(file)])'
        yield "        assert tried.exit_code == 0, tried.output"
        return
    yield f'        tried = CliRunner().invoke(app, ["try", {literal(name)}, str(file), "--json"])'
    yield '        for table in json.loads(tried.stdout)["tables"]:'
    yield "            # Of one file alone a period may have few rows: the file as a whole counts."
    yield '            most = table["tolerance"] * table["rows_read"]'
    yield '            assert table["quarantined"] <= most, tried.output'


def _of_columns(tables: Sequence[TableDraft]) -> bool:
    """Whether the rows themselves name their periods."""
    return any(table.material.layout.source.period_from is PeriodFrom.COLUMN for table in tables)


# -- made-up cells ------------------------------------------------------------------------------------


def _cell(draft: ColumnDraft) -> str:
    """A cell in the form that the column has, with a value that comes from nowhere."""
    column = draft.column
    if column.kind in (Kind.INTEGER, Kind.DECIMAL):
        return _number(column)
    if column.kind is Kind.BOOLEAN:
        return column.true_words[0]
    if column.kind in (Kind.DATE, Kind.DATETIME, Kind.TIME):
        return _written(column.formats[0], midnight=column.kind is Kind.DATE)
    return "text"


def _number(column: Column) -> str:
    before, behind = column.affixes or ("", "")
    whole = f"1{column.thousands}234" if column.thousands else "12"
    return before + whole + (f"{column.decimal}5" if column.kind is Kind.DECIMAL else "") + behind


def _written(form: str, *, midnight: bool) -> str:
    values = _MOMENT | (
        dict.fromkeys("HMS", "00") | {"I": "12", "p": "AM", "T": "00:00:00", "R": "00:00"} if midnight else {}
    )
    out, position = "", 0
    while position < len(form):
        if form[position] != "%":
            out, position = out + form[position], position + 1
            continue
        directive = form[position + 1 :].lstrip("-")
        length = len(form) - position - len(directive)
        if directive.startswith((".f", "3f", "6f", "9f")):
            out, position = out + "", position + length + 2
            continue
        out, position = out + values.get(directive[:1], ""), position + length + 1
    return out
