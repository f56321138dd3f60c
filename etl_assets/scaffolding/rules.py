"""Rules that the data speaks for become rules of a contract: checks of a field, a row or the table."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from etl_assets.contracts.vocabulary import Severity
from etl_assets.inspection.personal import reveals_persons
from etl_assets.inspection.records import Kind
from etl_assets.profiling.records import Suggestion, SuggestionKind
from etl_assets.scaffolding.code import Code, Group, Text, call, code, listing, literal, mapping, pattern
from etl_assets.scaffolding.drafts import (
    DAY,
    INSTANT,
    MOMENT,
    NUMBERS,
    TEXT,
    WHOLE,
    ColumnDraft,
    RowCheckDraft,
    TableDraft,
)
from etl_assets.scaffolding.names import method_name
from etl_assets.staging.source import PeriodFrom

SURE_ENOUGH = 0.95
"""A rule refuses rows if at least so many keep it, as far as the sample can tell; else it warns."""
_FEW_ROWS = 20
_MOST_VALUES = 60
_MOST_DEPENDENCIES = 12


def add_rules(draft: TableDraft, tables: Mapping[str, TableDraft], demoted: Collection[str] = ()) -> None:
    """Add the suggested rules to a table's draft.

    Args:
        draft: The table.
        tables: All tables of the dataset, for references.
        demoted: Rules that must only warn, by the names that they have in the compiled contract.
    """
    adders: dict[SuggestionKind, Callable[[_Adding], None]] = {
        SuggestionKind.NOT_NULL: _not_null,
        SuggestionKind.IN_RANGE: _in_range,
        SuggestionKind.STR_MATCHES: _str_matches,
        SuggestionKind.STR_LENGTH: _str_length,
        SuggestionKind.ISIN: _isin,
        SuggestionKind.NOTIN: _notin,
        SuggestionKind.UNIQUE: _unique,
        SuggestionKind.DEPENDENCY: _dependency,
        SuggestionKind.REFERENCE: _reference,
        SuggestionKind.ROW_CHECK: _row_check,
    }
    known = {column.header for column in draft.columns}
    for suggestion in draft.material.suggestions:
        if suggestion.kind in adders and {*suggestion.columns} <= known:
            adders[suggestion.kind](_Adding(draft, suggestion, tables, demoted))
    layout = draft.material.layout
    # Where the rows' own dates make the periods there is nothing to compare them with.
    of_file = layout.source.period_from is PeriodFrom.FILENAME
    if layout.period_column is not None and layout.rhythm is not None and of_file:
        column = draft.of(layout.period_column)
        if column.dtype in (DAY, MOMENT, INSTANT):
            draft.period_column = column.name


class _Adding:
    """One suggestion on its way into a draft."""

    def __init__(
        self,
        draft: TableDraft,
        suggestion: Suggestion,
        tables: Mapping[str, TableDraft],
        demoted: Collection[str],
    ) -> None:
        self.draft = draft
        self.suggestion = suggestion
        self.tables = tables
        self.demoted = demoted
        self.column = draft.of(suggestion.columns[0])
        self.parameters: Mapping[str, Any] = suggestion.parameters

    @property
    def is_text(self) -> bool:
        return self.column.dtype == TEXT

    def warns(self, rule: str) -> bool:
        """Whether the rule only warns, since it is not sure enough, or would refuse too much."""
        unsure = self.suggestion.lower_bound < SURE_ENOUGH
        return self.suggestion.severity is Severity.WARN or unsure or rule in self.demoted

    def options(self, rule: str, *, only_warns: bool = False) -> Group:
        why = Text(self.suggestion.why)
        return call("warn", why) if only_warns or self.warns(rule) else call("rule", why=why)

    def check(
        self, name: str, value: Code, pandera_name: str | None = None, *, only_warns: bool = False
    ) -> None:
        """Add a check of the column, unless it has one of the kind, or is a time of day."""
        if name not in self.column.checks and self.column.column.kind is not Kind.TIME:
            rule = f"{self.column.name}.{pandera_name or name}"
            self.column.checks[name] = value
            self.column.options[name] = self.options(rule, only_warns=only_warns)

    def may_list(self, values: Sequence[str], count: int | None = None) -> bool:
        """Whether values may stand in code: few, and none that names a person."""
        few = (len(values) if count is None else count) <= _MOST_VALUES
        return few and not self.column.personal and not reveals_persons(self.column.header, values)


# -- one column ---------------------------------------------------------------------------------------


def _not_null(adding: _Adding) -> None:
    column, suggestion = adding.column, adding.suggestion
    filled = suggestion.support - suggestion.exceptions
    # Where nothing is ever missing few rows are enough: it is what everybody expects.
    sure = not suggestion.exceptions and suggestion.support >= _FEW_ROWS
    if f"{column.name}.not_null" in adding.demoted or not (sure or not adding.warns("")):
        if suggestion.exceptions:
            column.options["not_null"] = call("warn", Text(suggestion.why))
        return
    column.nullable = False
    why = suggestion.why if suggestion.exceptions else f"filled in all {filled:,} rows"
    column.options["not_null"] = call("rule", why=Text(why))


def _in_range(adding: _Adding) -> None:
    column = adding.column
    if column.personal:
        return  # a birthday is a birthday in the code, too
    low, high = (_typed(adding.parameters.get(key), column, key) for key in ("min_value", "max_value"))
    if low is not None and high is not None:
        adding.check("in_range", mapping({"min_value": low, "max_value": high}))
    elif low is not None:
        adding.check("ge", code(low), "greater_than_or_equal_to")
    elif high is not None:
        adding.check("le", code(high), "less_than_or_equal_to")


def _typed(value: object, column: ColumnDraft, side: str) -> object:
    """A limit in the column's type; None where there is none, or where it means nothing."""
    if value is None:
        return None
    try:
        if column.dtype == WHOLE:
            rounded = math.floor if side == "min_value" else math.ceil
            return rounded(Decimal(str(value)))
        if column.dtype in NUMBERS:
            return float(str(value))
        if column.dtype == DAY:
            return dt.date.fromisoformat(str(value)[:10])
        if column.dtype == MOMENT:
            moment = dt.datetime.fromisoformat(str(value))
            return None if moment.tzinfo else moment
    except (ValueError, InvalidOperation, OverflowError):
        return None
    return None


def _str_matches(adding: _Adding) -> None:
    if adding.is_text:
        adding.check("str_matches", pattern(str(adding.parameters["pattern"])))


def _str_length(adding: _Adding) -> None:
    limits = {
        key: int(value) for key, value in adding.parameters.items() if key in ("min_value", "max_value")
    }
    if adding.is_text and limits and not {"str_matches", "isin"} & adding.column.checks.keys():
        adding.check("str_length", mapping(limits))


def _isin(adding: _Adding) -> None:
    values = [str(value) for value in adding.parameters["values"]]
    if adding.is_text and adding.may_list(values):
        for other in ("str_length", "str_matches"):
            # The list says it all, and says it better.
            adding.column.checks.pop(other, None)
            adding.column.options.pop(other, None)
        adding.check("isin", listing(sorted(values)), only_warns=_grows(values))


def _grows(values: Sequence[str]) -> bool:
    """Whether there will be more values some day: meters, articles and partners, unlike kinds and states."""
    return sum(any(map(str.isdigit, value)) or " " in value.strip() for value in values) > len(values) / 2


def _notin(adding: _Adding) -> None:
    values = [str(value) for value in adding.parameters["values"]]
    likely = {str(key): str(value) for key, value in adding.parameters.get("likely", {}).items()}
    if adding.is_text and adding.may_list([*values, *likely.values()], len(values)):
        adding.check("notin", listing(values))
        if likely:
            adding.column.comments.append(
                f"misspelt? .replace({likely!r}) behind its text(...) in the function below would mend them"
            )


# -- several columns ----------------------------------------------------------------------------------


def _unique(adding: _Adding) -> None:
    names = tuple(adding.draft.of(header).name for header in adding.suggestion.columns)
    rule = f"unique({','.join(names)})"
    if adding.draft.unique or rule in adding.demoted or adding.suggestion.lower_bound < 0.5:
        return
    adding.draft.unique = names
    # Of two rows with one key and other cells nobody knows which is right.
    differ = adding.suggestion.exceptions > 0
    adding.draft.unique_options = call(
        "rule", on_violation=literal("quarantine") if differ else None, why=Text(adding.suggestion.why)
    )


def _dependency(adding: _Adding) -> None:
    draft = adding.draft
    determinants = [draft.of(header).name for header in adding.suggestion.columns]
    known = {column.header: column for column in draft.columns}
    dependents = [known[name].name for name in map(str, adding.parameters["dependents"]) if name in known]
    if not dependents or len(draft.dependencies) >= _MOST_DEPENDENCIES:
        return
    if adding.suggestion.lower_bound < SURE_ENOUGH:
        return  # of a few rows many things depend on each other
    draft.dependencies.append(
        call(
            "Dependency",
            _one_or_tuple(determinants),
            _one_or_tuple(dependents),
            call("warn", Text(adding.suggestion.why)),
        )
    )


def _one_or_tuple(names: Sequence[str]) -> Code:
    if len(names) == 1:
        return literal(names[0])
    return Group("(", tuple(("", literal(name)) for name in names), ")")


def _reference(adding: _Adding) -> None:
    table, columns = str(adding.parameters["table"]), list(adding.parameters["column"])
    target = adding.tables.get(table)
    if target is None or target is adding.draft or len(columns) != 1 or len(adding.suggestion.columns) != 1:
        return
    if target.material.partitioned or not {*columns} <= {one.header for one in target.columns}:
        return  # a key may have been delivered for another period
    if adding.draft.name in _reached(target, adding.tables):
        return  # of two tables that refer to each other neither could be built first
    other, column = target.of(columns[0]), adding.column
    if other.dtype != column.dtype:
        column.comments.append(f"it looks like {other.name} of {table}, which is {other.dtype}: no reference")
    elif "references" not in column.options:
        adding.draft.refers_to.add(table)
        column.options["references"] = call("Reference", literal(table), literal(other.name))
        column.options[f"in_{table}"] = adding.options(f"{column.name}.in_{table}")


def _reached(table: TableDraft, tables: Mapping[str, TableDraft]) -> set[str]:
    reached: set[str] = set()
    waiting = [table.name]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += tables[name].refers_to if name in tables else ()
    return reached


_WORDS = {"<=": "at most", "<": "less than", ">=": "at least", ">": "more than"}


def _row_check(adding: _Adding) -> None:
    draft, parameters = adding.draft, adding.parameters
    operator = str(parameters["operator"])
    found = _expression(draft, operator, parameters)
    if found is None:
        return
    body, meaning, wanted = found
    taken = {column.name for column in draft.columns} | {one.method for one in draft.row_checks}
    method = method_name(wanted, taken)
    severity = literal("warn") if adding.warns(method) else None
    options: dict[str, Code | None] = {"severity": severity, "why": Text(adding.suggestion.why)}
    given = {name: value for name, value in options.items() if value is not None}
    draft.row_checks.append(RowCheckDraft(method, meaning, body, given))


Statements = list[tuple[str, Code]]


def _expression(
    draft: TableDraft, operator: str, parameters: Mapping[str, Any]
) -> tuple[Statements, str, str] | None:
    """The statements of a row check, what they mean, and a name for it."""
    lefts = parameters["left"] if isinstance(parameters["left"], list | tuple) else [parameters["left"]]
    known = {column.header for column in draft.columns}
    if not {*map(str, lefts), str(parameters["right"])} <= known:
        return None
    left, right = [draft.of(str(name)) for name in lefts], draft.of(str(parameters["right"]))
    names = [column.name for column in left]
    columns = [call("nw.col", literal(name)) for name in names]
    other = call("nw.col", literal(right.name))
    if operator in _WORDS:
        if left[0].dtype != right.dtype and not {left[0].dtype, right.dtype} <= {*NUMBERS}:
            return None
        told = f"{names[0]} is {_WORDS[operator]} {right.name}"
        body: Statements = [
            ("left = ", columns[0]),
            ("right = ", other),
            ("return ", f"left {operator} right"),
        ]
        return body, told, f"{names[0]}_{_WORDS[operator]}_{right.name}"
    if operator == "misplaced":
        if left[0].dtype != TEXT:
            return None
        holds = call("text.str.contains", pattern(str(parameters["pattern"])))
        body = [
            ("text = ", columns[0]),
            ("missing = ", call(f"nw.col({literal(right.name)}).is_null")),
            ("holds = ", holds),
            ("return ", "~(missing & holds)"),
        ]
        told = f"Where {right.name} is empty, {names[0]} does not hold what belongs there"
        return body, told, f"{right.name}_not_in_{names[0]}"
    if operator not in ("sum", "product") or not {column.dtype for column in (*left, right)} <= {*NUMBERS}:
        return None
    # `sum` is a function of Python's.
    result, sign, word = (
        ("total", "+", "add up to") if operator == "sum" else ("product", "*", "multiplied make")
    )
    body = [(f"{result} = " if not n else f"{result} {sign}= ", one) for n, one in enumerate(columns)]
    tolerance = literal(float(str(parameters.get("tolerance", "0")) or 0))
    body += [("stated = ", other), ("return ", f"({result} - stated).abs() <= {tolerance}")]
    return body, f"{' and '.join(names)} {word} {right.name}", f"{right.name}_is_{operator}"
