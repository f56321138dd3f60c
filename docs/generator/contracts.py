"""The page of contracts: what may be said, and what the compiler makes of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pandera.polars as pa

from docs.generator import specimens
from docs.generator.docstrings import base_class, function, record, words
from docs.generator.markdown import code, document, escaped, sentence, table
from etl_assets import cleaning
from etl_assets.contracts import declare, vocabulary
from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.options import Cast, Dependency, Reference
from etl_assets.contracts.rules import Rule, compile_contract
from etl_assets.orchestration.checks import DIMENSION_MEANINGS

FUNCTIONS = ("about", "about_table", "rule", "warn", "column_check", "row_check", "aggregate_check")


def page() -> str:
    """Return the page."""
    return document(
        "# Contracts",
        "A contract is a [Pandera](https://pandera.readthedocs.io) model. The tables below were made by "
        "compiling small contracts while this page was written.",
        "## Base classes",
        *base_class(Contract),
        *base_class(RowContract),
        "## Fields",
        "### Checks of a column",
        "Each is an argument of `pa.Field`. A null keeps all of them unless `ignore_na=False` is said.",
        _checks(),
        "### Other arguments of `pa.Field`",
        table(
            ("argument", "what it does"),
            ((code(name), escaped(meaning)) for name, meaning in specimens.fields()),
        ),
        "### Dtypes, and how text is read",
        "In a `RowContract`, delivered text is cast to the column's dtype. What can't be read without a loss "
        "breaks the rule `castable`. Nothing is guessed: write other forms with "
        "[cleaning expressions](#cleaning-expressions) or `Cast`.",
        _dtypes(),
        "## Rules that come about otherwise",
        _rules(),
        "A rule's name is `<column>.<rule>`; of a whole table it is the rule alone.",
        "## Saying how much a rule matters",
        "All of these are in `etl_assets.contracts.declare`.",
        *(part for name in FUNCTIONS for part in function(name, getattr(declare, name))),
        *record(Reference),
        *record(Cast),
        *record(Dependency),
        "## Words",
        *words(vocabulary.Dimension, {str(one): said for one, said in DIMENSION_MEANINGS.items()}),
        *words(vocabulary.Severity),
        *words(vocabulary.RuleKind),
        *words(vocabulary.OnViolation),
        "## Datasets",
        "All of these are in `etl_assets.contracts.dataset`.",
        *record(Dataset),
        *record(Table),
        *record(TableId),
        *words(Layer),
        "## Cleaning expressions",
        *_cleaning(),
        "## What is refused",
        "A contract that says one of these is refused when the code loads; the message names contract, "
        "column and check.",
        table(
            ("what", "message", "hint"),
            ((what, escaped(said), escaped(hint)) for what, said, hint in specimens.refusals()),
        ),
    )


def checks() -> Iterator[tuple[str, Rule, str]]:
    """Return each check of `pa.Field`, the rule that it became, and how it was written."""
    for name, (annotation, arguments) in specimens.CHECKS.items():
        rules = specimens.compiled(annotation, pa.Field(**arguments)).rules
        (found,) = [one for one in rules if one.name != "column.not_null"]
        ((_, value),) = arguments.items()
        pattern = isinstance(value, str) and "\\" in value
        yield name, found, f'{name}=r"{value}"' if pattern else f"{name}={value!r}"


def untold() -> set[str]:
    """Return the arguments of `pa.Field` of which the page says nothing."""
    known = {*specimens.CHECKS, *specimens.OTHERS, "kwargs"}
    return set(inspect.signature(pa.Field).parameters) - known


def _checks() -> str:
    return table(
        ("argument", "rule", "demands", "dimension", "severity"),
        (
            (
                code(written),
                code(found.name),
                escaped(found.description),
                found.dimension,
                found.severity,
            )
            for _, found, written in checks()
        ),
    )


def _dtypes() -> str:
    rows = []
    for written, (annotation, cast, cells) in specimens.DTYPES.items():
        dtype, read = specimens.read_as(annotation, cast, cells)
        good = "; ".join(
            code(cell) if cell == value else f"{code(cell)} → {code(value)}" for cell, value in read if value
        )
        bad = ", ".join(
            code(f"{cell!r}" if cell.strip() != cell else cell) for cell, value in read if not value
        )
        rows.append((code(written), code(dtype), good, bad))
    return table(("column", "dtype", "read", "not castable"), rows)


def _rules() -> str:
    contract = compile_contract(specimens.Specimen)
    rows = []
    for name, (of, how) in specimens.ORIGINS.items():
        rule = contract.rule(specimens.EXAMPLES[name])
        on_violation = f", then `{rule.on_violation}`" if rule.on_violation else ""
        rows.append(
            (
                escaped(name),
                of,
                how,
                rule.kind,
                rule.dimension,
                rule.severity + on_violation,
                f"{code(rule.name)}: {escaped(rule.description)}",
            )
        )
    return table(
        ("rule", "", "comes about by", "kind", "dimension", "severity", "example"),
        rows,
    )


def _cleaning() -> Iterator[str]:
    for paragraph in inspect.cleandoc(cleaning.__doc__ or "").split("\n\n"):
        yield sentence(escaped(" ".join(paragraph.split())))
    for name in cleaning.__all__:
        yield from function(f"cleaning.{name}", getattr(cleaning, name))
