"""Which SQL a declared table may be made by: one SELECT over its inputs, the same in every run.

Polars opens the file of `read_csv('/etc/passwd')` while it plans the query, so a query is read as a tree
first, and only what is known to be harmless comes through. A query of a partitioned table must also keep
its periods apart: a run takes several periods at once, and each has to come out as if it were alone.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from etl_assets.contracts.provenance import PERIOD
from etl_assets.errors import ContractError

_DIALECT = "duckdb"  # of those that the parser knows the one that is nearest to Polars' own

_READERS = re.compile(r"\b(?:read|scan)_[a-z]+\b[\s\"]*(?:/\*.*?\*/\s*)*\(", re.IGNORECASE | re.DOTALL)
_OTHER_STATEMENTS = (exp.Command, exp.Into, exp.Insert, exp.Update, exp.Delete, exp.Create, exp.Drop)
_UNSTEADY: tuple[type[exp.Expression], ...] = (
    exp.AnyValue,
    exp.CurrentDate,
    exp.CurrentDatetime,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.First,
    exp.Last,
    exp.Rand,
    exp.Uuid,
)
_UNSTEADY_NAMES = frozenset({"now", "today", "random", "rand", "uuid", "gen_random_uuid", "localtime"})

# Rows come in any order: what these give depends on it, unless the query says which order is meant.
_BY_PLACE_IN_WINDOW = (
    exp.FirstValue,
    exp.Lag,
    exp.LastValue,
    exp.Lead,
    exp.NthValue,
    exp.Ntile,
    exp.RowNumber,
)
_BY_PLACE_IN_GROUP = (exp.ArrayAgg, exp.GroupConcat)


class QueryError(ContractError):
    """A query may not be run; says why."""


def read_query(sql: str, inputs: Collection[str] | None = None) -> exp.Query:
    """Read a query as a tree and refuse what is no plain SELECT over named tables.

    Args:
        sql: The query.
        inputs: The names that it may read; None for any.

    Raises:
        QueryError: It is another kind of statement, reads files, or is not the same in every run.
    """
    tree = _parsed(sql)
    reader = _READERS.search(sql)
    if reader is not None or list(tree.find_all(exp.ReadCSV, exp.ReadParquet)):
        raise QueryError("The query reads a file", hint="A query reads the tables that are its inputs")
    for node in tree.find_all(exp.From, exp.Join, exp.Lateral):
        source = node.this
        is_table = isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
        if isinstance(node, exp.Lateral) or not (is_table or isinstance(source, exp.Subquery)):
            raise QueryError(
                f"The query reads {_shown(source)}, which is no table",
                hint="After FROM and JOIN come inputs, and queries in parentheses",
            )
    for table in tree.find_all(exp.Table):
        if table.args.get("db") or table.args.get("catalog") or not isinstance(table.this, exp.Identifier):
            raise QueryError(f"The query reads {_shown(table)}", hint="A table is named by its name alone")
    _refuse_unsteady(tree)
    if inputs is not None and (unknown := sorted(names_of(tree) - set(inputs))):
        raise QueryError(
            f"The query reads {unknown[0]}, which is none of its inputs",
            hint=f"Its inputs are {', '.join(sorted(inputs)) or 'none'}",
        )
    return tree


def names_of(tree: exp.Query) -> set[str]:
    """Return the tables that a query reads, without those that it makes itself (WITH)."""
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    return {table.name for table in tree.find_all(exp.Table)} - own


def check_periods(tree: exp.Query, periodic: Collection[str]) -> None:
    """Refuse a query that would mix the periods of a partitioned table.

    Args:
        tree: The query.
        periodic: Its partitioned inputs.

    Raises:
        QueryError: Says where `_period` is missing.
    """
    _Periods(tree, periodic).check()


def _parsed(sql: str) -> exp.Query:
    try:
        trees = [tree for tree in sqlglot.parse(sql, read=_DIALECT) if tree is not None]
    except SqlglotError as error:
        found = (getattr(error, "errors", None) or [{}])[0]
        where: dict[str, object] = {"line": found["line"]} if found.get("line") else {}
        said = str(found.get("description") or error).strip().splitlines()[0]
        raise QueryError(f"The query can't be read: {said[:200]}", where=where) from None
    except RecursionError:
        raise QueryError("The query is nested too deeply") from None
    if len(trees) != 1:
        raise QueryError(f"There are {len(trees)} statements", hint="Write one SELECT")
    tree = trees[0]
    others = list(
        tree.find_all(exp.Command, exp.Into, exp.Insert, exp.Update, exp.Delete, exp.Create, exp.Drop)
    )
    if not isinstance(tree, exp.Query) or isinstance(tree, exp.Table) or others:
        raise QueryError("The query is no SELECT", hint="A table is made by one SELECT")
    return tree


def _refuse_unsteady(tree: exp.Query) -> None:
    for node in tree.walk():
        name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
        if isinstance(node, _UNSTEADY) or name in _UNSTEADY_NAMES:
            raise QueryError(
                f"{_shown(node)} gives something else in each run",
                hint="Building a table again must give the same table: take MIN, MAX, or a column",
            )
    for node in tree.find_all(exp.Query):
        if (node.args.get("limit") or node.args.get("offset")) and not node.args.get("order"):
            raise QueryError("LIMIT without ORDER BY takes any rows", hint="Say ORDER BY, up to a unique key")
        distinct = node.args.get("distinct")  # of UNION and its like it is true or false
        if isinstance(distinct, exp.Distinct) and distinct.args.get("on"):
            raise QueryError("DISTINCT ON keeps any row", hint="Take GROUP BY with MIN or MAX")
    _refuse_any_order(tree)


def _refuse_any_order(tree: exp.Query) -> None:
    for node in tree.find_all(*_BY_PLACE_IN_WINDOW):
        window = node.find_ancestor(exp.Window)
        if window is None or not _is_ordered(window):
            raise QueryError(
                f"{_shown(window or node)} depends on the order of the rows, and has none",
                hint="Write OVER (PARTITION BY ... ORDER BY ...), up to a unique key",
            )
    for node in tree.find_all(*_BY_PLACE_IN_GROUP):
        if node.find(exp.Order) is None:
            name = "ARRAY_AGG" if isinstance(node, exp.ArrayAgg) else "STRING_AGG"
            raise QueryError(
                f"{_shown(node)} depends on the order of the rows, and has none",
                hint=f"Write {name}(... ORDER BY ...), up to a unique key",
            )


def _is_ordered(window: exp.Window) -> bool:
    """Whether a window has an order, its own or that of the named one (WINDOW w AS ...)."""
    if window.args.get("order"):
        return True
    select = window.find_ancestor(exp.Select)
    named = select.args.get("windows") or [] if select is not None else []
    return any(one.args.get("order") and one.name == window.alias for one in named)


def _aggregates(select: exp.Select) -> Iterator[exp.Expr]:
    for node in [*select.expressions, select.args.get("having")]:
        for found in node.find_all(exp.AggFunc) if node is not None else ():
            if found.find_ancestor(exp.Select) is select and found.find_ancestor(exp.Window) is None:
                yield found


class _Periods:
    """Looks whether each part of a query keeps the periods of its rows apart."""

    def __init__(self, tree: exp.Query, periodic: Collection[str]) -> None:
        self.tree = tree
        self.own = {cte.alias: cte.this for cte in tree.find_all(exp.CTE)}
        self.periodic = set(periodic)
        # How the query calls whole tables: they have the column too, but it says nothing.
        self.whole = {
            table.alias_or_name for table in tree.find_all(exp.Table) if not self._is_periodic(table)
        }

    def check(self) -> None:
        if not self._is_periodic(self.tree):
            raise QueryError("The query reads no table with periods", hint="Say partitioned: false")
        for limit in self.tree.find_all(exp.Limit, exp.Offset, exp.Fetch):
            raise QueryError(f"{_shown(limit)} cuts across periods", hint=_alone("Rank within each period"))
        for select in self.tree.find_all(exp.Select):
            self._check_select(select)
        for window in self.tree.find_all(exp.Window):
            if not self._names_period(window.args.get("partition_by") or []):
                raise QueryError(
                    f"{_shown(window)} mixes periods", hint=f"Write OVER (PARTITION BY {PERIOD}, ...)"
                )
        for query in self.tree.find_all(exp.Select, exp.SetOperation):
            self._check_place(query)
        for operation in self.tree.find_all(exp.SetOperation):
            self._check_set_operation(operation)

    def _check_select(self, select: exp.Select) -> None:
        source = select.args.get("from_")
        for one in select.expressions:
            is_star = isinstance(one, exp.Star)
            if is_star and source is not None and self._takes_period_of_whole(select, source):
                hint = "Name a partitioned input first, or the columns"
                raise QueryError(f"* takes {PERIOD} from {_shown(source.this)}", hint=hint)
            is_star = is_star or (isinstance(one, exp.Column) and isinstance(one.this, exp.Star))
            if (is_star or one.alias_or_name == PERIOD) and not self._names_period([one]):
                hint = f"{PERIOD} has to be that of a partitioned input"
                raise QueryError(f"{_shown(one)} is no period of the row", hint=hint)
        if list(_aggregates(select)) or select.args.get("group"):
            self._check_group(select)
        elif select.args.get("distinct") and not self._names_period(select.expressions):
            raise QueryError("SELECT DISTINCT mixes periods", hint=f"Select {PERIOD} as well")
        self._check_joins(select)

    def _takes_period_of_whole(self, select: exp.Select, source: exp.From) -> bool:
        return not self._is_periodic(source.this) and self._is_periodic(select)

    def _check_group(self, select: exp.Select) -> None:
        group = select.args.get("group")
        keys = list(group.expressions) if group is not None else []
        numbers = [int(key.this) for key in keys if isinstance(key, exp.Literal) and key.this.isdigit()]
        by_place = [
            select.expressions[number - 1] for number in numbers if 0 < number <= len(select.expressions)
        ]
        if group is not None and group.args.get("all"):
            by_place = select.expressions
        if not self._names_period([*keys, *by_place]):
            raise QueryError(
                f"The query mixes periods: {_shown(select)}",
                hint=f"Select {PERIOD}, and GROUP BY {PERIOD}, ...",
            )

    def _check_joins(self, select: exp.Select) -> None:
        source = select.args.get("from_")
        count = int(source is not None and self._is_periodic(source.this))
        for join in select.args.get("joins") or ():
            if not self._is_periodic(join.this):
                continue
            count += 1
            if count > 1 and not self._joins_periods(join):
                raise QueryError(
                    f"The join with {_shown(join.this)} mixes periods",
                    hint=f"Join on {PERIOD} as well: a.{PERIOD} = b.{PERIOD}",
                )

    def _joins_periods(self, join: exp.Join) -> bool:
        """Whether the join demands the same period on both sides, whatever else it demands."""
        on = join.args.get("on")
        parts = list(on.flatten()) if isinstance(on, exp.And) else [on]
        for part in parts:
            part = part.unnest() if part is not None else None
            if isinstance(part, exp.EQ) and all(self._names_period([side]) for side in part.args.values()):
                return True
        return PERIOD in [one.name for one in join.args.get("using") or []]

    def _check_place(self, query: exp.Query) -> None:
        """A query may stand where a table may; within a condition or a value it would see all periods."""
        place = query.parent
        while isinstance(place, exp.Subquery | exp.Paren | exp.SetOperation):
            place = place.parent
        if isinstance(place, exp.From | exp.Join | exp.CTE | None) or not self._is_periodic(query):
            return
        raise QueryError(f"The query within {_shown(place)} mixes periods", hint=f"Join on {PERIOD} instead")

    def _check_set_operation(self, node: exp.SetOperation) -> None:
        """Rows are put together, and compared, by the places of their columns: so the period needs one."""
        if not self._is_periodic(node):
            return
        word = node.key.upper()
        sides = [node.this.unnest(), node.expression.unnest()]
        if not all(map(self._is_periodic, sides)):
            raise QueryError(
                f"{word} puts rows with a period and rows without together: {_shown(node)}",
                hint="Each part has to read a partitioned input; take a join for the others",
            )
        if any(isinstance(select, exp.Select) and select.is_star for select in sides):
            raise QueryError(
                f"{word} goes by the places of columns, and * does not tell them: {_shown(node)}",
                hint=f"Name the columns, {PERIOD} among them, in the same order in each part",
            )
        by_name = node.args.get("by_name")
        places = [[n for n, name in enumerate(_outputs(side)) if name == PERIOD] for side in sides]
        if not all(places) or (places[0] != places[1] and not by_name):
            raise QueryError(
                f"{word} mixes periods: {_shown(node)}",
                hint=f"Select {PERIOD} in each part, at the same place",
            )

    def _is_periodic(self, source: exp.Expr) -> bool:
        if isinstance(source, exp.Table):
            if source.name not in self.own:
                return source.name in self.periodic
            # A query of the query's own that reads another one may read anything.
            read = {table.name for table in self.own[source.name].find_all(exp.Table)}
            return bool(read & (self.periodic | self.own.keys()))
        return any(self._is_periodic(table) for table in source.find_all(exp.Table))

    def _names_period(self, nodes: Collection[exp.Expr]) -> bool:
        for node in nodes:
            inner = node.this if isinstance(node, exp.Alias | exp.Paren) else node
            if isinstance(inner, exp.Star):
                return True
            is_of_rows = isinstance(inner, exp.Column) and inner.table not in self.whole
            if is_of_rows and inner.name in (PERIOD, "*"):
                return True
        return False


def _outputs(query: exp.Expr) -> list[str]:
    """What a query calls its columns; of several that are put together the first one says it."""
    while isinstance(query, exp.SetOperation):
        query = query.this.unnest()
    return [one.alias_or_name for one in query.expressions] if isinstance(query, exp.Select) else []


def _alone(hint: str) -> str:
    return f"{hint}, or say partitioned: false"


def _shown(node: exp.Expr) -> str:
    text = node.sql(dialect=_DIALECT)
    return text if len(text) <= 80 else f"{text[:77]}..."


# What it has to say of unknown statements is an error here, not a warning in a log.
logging.getLogger("sqlglot").setLevel(logging.ERROR)
