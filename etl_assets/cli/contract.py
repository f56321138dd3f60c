"""`dq contract`: contracts in the Open Data Contract Standard, out and in."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl_assets.cli.context import dataset_of, did_you_mean, open_settings
from etl_assets.cli.options import DatasetName, Json
from etl_assets.cli.output import cell, counted, grid, messages, plain, print_json, results, speaks_unicode
from etl_assets.cli.problems import WrongUseError
from etl_assets.cli.teaching import with_examples
from etl_assets.errors import ContractError

if TYPE_CHECKING:
    from etl_assets.contracts.dataset import Dataset, TableId
    from etl_assets.contracts.odcs import Finding, ReadContracts
    from etl_assets.contracts.rules import CompiledContract, Rule

app = typer.Typer(no_args_is_help=True)


@app.callback()
@with_examples
def _root() -> None:
    """Contracts in the Open Data Contract Standard (ODCS) 3.1."""


@app.command("export")
@with_examples
def export(
    dataset: DatasetName,
    table: Annotated[
        str | None,
        typer.Argument(metavar="LAYER/TABLE", help="Only this table, such as silver/sales."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of printing.")
    ] = None,
    json: Json = False,
) -> None:
    """Describe a dataset's tables as a data contract that other tools read.

    What the standard has no words for is listed on standard error: such a rule
    is said as a custom rule of the engine etl_assets, or in words.

    Examples:
      dq contract export retail
      dq contract export retail silver/sales -o sales.odcs.yaml
    """
    from etl_assets.contracts.odcs import write_contracts, write_document

    found = dataset_of(open_settings(), dataset)
    written = write_contracts(found, [_table(found, table)] if table else [])
    if json:
        print_json({"document": written.document, "findings": [_as_json(one) for one in written.findings]})
        return
    text = write_document(written.document)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)
        results().print(f"{plain(output)}: {counted(len(written.document['schema']), 'table')}")
    _tell_findings(written.findings, "Without a counterpart in the standard")


@app.command("import")
@with_examples
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A data contract, YAML or JSON.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Write a declared dataset there: datasets/<name>."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check a data contract, and show the rules that come of it.

    What is not checked here, or means something else, is listed with its line.
    With --output a declared dataset is written, which needs no Python: its
    dataset.yaml says where columns come from.

    Examples:
      dq contract import orders.odcs.yaml
      dq contract import orders.odcs.yaml --output datasets/orders
    """
    from etl_assets.contracts.odcs import compile_table, read_contracts, read_document

    try:
        document = read_document(file)
        read = read_contracts(document)
        rules = [(table.id, _rules(compile_table(table, document))) for table in read.tables]
        written = _write_declared(file, read, output) if output is not None else []
    except ContractError as error:
        raise WrongUseError(error.what, where=error.where, hint=error.hint) from None
    if json:
        tables = [{"table": str(id), "rules": [_rule_json(rule) for rule in those]} for id, those in rules]
        findings = [_as_json(one) for one in read.findings]
        print_json({"tables": tables, "findings": findings, "written": [str(path) for path in written]})
        return
    _print_rules(rules)
    _tell_findings(read.findings, "Without a counterpart here")
    for path in written:
        results().print(f"written: {plain(path)}")
    if output is not None:
        results().print(f"next: say which files are delivered, in config/datasets/{plain(output.name)}.yaml")


def _table(dataset: Dataset, text: str) -> TableId:
    known = {str(table.id): table.id for table in dataset.tables}
    if text not in known:
        raise WrongUseError(f"{dataset.name} has no table {text}", hint=did_you_mean(text, known))
    return known[text]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUseError(f"The file can't be written: {error.strerror}", where={"file": path}) from None


def _write_declared(file: Path, read: ReadContracts, folder: Path) -> list[Path]:
    from etl_assets.datasets.declared.importing import write_imported

    try:
        return write_imported(file, read, folder)
    except OSError as error:
        raise WrongUseError(
            f"The files can't be written: {error.strerror}", where={"folder": folder}
        ) from None


def _rules(contract: CompiledContract) -> list[Rule]:
    from etl_assets.contracts.provenance import PROVENANCE

    return [rule for rule in contract.rules if not set(rule.columns) & set(PROVENANCE)]


def _print_rules(tables: Iterable[tuple[TableId, Sequence[Rule]]]) -> None:
    console = results()
    for id, rules in tables:
        console.print(cell(f"{id}: {counted(len(rules), 'rule')}", "bold"))
        table = grid("rule", "demands", "dimension", "severity", unicode=speaks_unicode(console))
        for column in table.columns[:2]:
            column.overflow = "fold"
        for rule in rules:
            demands = rule.description + (f" ({rule.why})" if rule.why else "")
            table.add_row(cell(rule.name), cell(demands), cell(rule.dimension), cell(rule.severity))
        console.print(table)
        console.print()


def _tell_findings(findings: Sequence[Finding], what: str) -> None:
    if not findings:
        return
    console = messages()
    console.print(f"{what}: {len(findings)}", style="yellow")
    for one in findings:
        line = f" (line {one.line})" if one.line else ""
        console.print(f"  {one.loss}: {plain(one.path)}{line}: {plain(one.what)}", soft_wrap=True)


def _as_json(finding: Finding) -> dict[str, object]:
    return {"path": finding.path, "line": finding.line, "loss": str(finding.loss), "what": finding.what}


def _rule_json(rule: Rule) -> dict[str, object]:
    return {
        "name": rule.name,
        "kind": str(rule.kind),
        "columns": list(rule.columns),
        "dimension": str(rule.dimension),
        "severity": str(rule.severity),
        "weight": rule.weight,
        "description": rule.description,
        "why": rule.why,
    }
