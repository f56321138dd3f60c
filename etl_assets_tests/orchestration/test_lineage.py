"""Which columns a column is computed from is found exactly, and in few questions where there are many."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from etl_assets.orchestration.lineage import Source, sources_of


class Polars:
    """Answers as Polars does: with all sources that any of some columns needs."""

    def __init__(self, needs: dict[str, set[Source]], always: set[Source]) -> None:
        self.needs, self.always, self.questions = needs, always, 0

    def __call__(self, columns: Sequence[str]) -> list[Source]:
        self.questions += 1
        return sorted({*self.always}.union(*(self.needs[column] for column in columns)))


SOURCES = st.tuples(st.sampled_from(["bronze", "rates"]), st.sampled_from("abcdefgh"))


@given(
    st.lists(st.sets(SOURCES, max_size=4), max_size=40),
    st.sets(SOURCES, max_size=2),
    st.sampled_from([1, 64]),
)
@settings(max_examples=200, deadline=None)
def test_what_is_asked_of_groups_is_what_each_column_needs(
    needs: list[set[Source]], always: set[Source], few: int
) -> None:
    columns = {f"c{n}": one for n, one in enumerate(needs)}
    found = sources_of(list(columns), Polars(columns, always), few)
    assert list(found) == list(columns)
    assert {column: set(sources) for column, sources in found.items()} == {
        column: one | always for column, one in columns.items()
    }
    assert all(len(set(sources)) == len(sources) for sources in found.values())


def test_a_table_of_thousands_of_columns_takes_few_questions() -> None:
    needs: dict[str, set[Source]] = {f"c{n}": {("bronze", f"c{n}")} for n in range(3_000)}
    needs["c7"] |= {("bronze", "c2999")}
    polars = Polars(needs, {("bronze", "day")})
    found = sources_of(list(needs), polars)
    assert found["c8"] == [("bronze", "day"), ("bronze", "c8")]
    assert {*found["c7"]} == {("bronze", "day"), ("bronze", "c7"), ("bronze", "c2999")}
    assert {*found["c2999"]} == {("bronze", "day"), ("bronze", "c2999")}
    assert polars.questions < 80
