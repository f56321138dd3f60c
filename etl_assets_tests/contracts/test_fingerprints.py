import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import narwhals.stable.v1 as nw
import pandera.polars as pa
import pytest

from etl_assets.contracts.contract import Contract
from etl_assets.contracts.declare import Dependency, Reference, about, about_table, row_check, rule, warn
from etl_assets.contracts.rules import compile_contract

WORDS = frozenset({"alpha", "beta", "gamma", "delta", "epsilon"})


class Words(Contract):
    word: str = pa.Field(isin=set(WORDS), notin=["omega"])
    count: int = pa.Field(ge=1)

    @row_check()
    def known(cls) -> nw.Expr:
        return nw.col("word").is_in(WORDS)


def made(**changes: Any) -> str:
    limit = changes.get("limit", 3)

    class Made(Contract):
        a: changes.get("dtype", int) = pa.Field(  # type: ignore[valid-type]
            ge=changes.get("least", 0),
            nullable=changes.get("nullable", False),
            unique=True,
            description=changes.get("description", ""),
            metadata=about(
                ge=changes.get("ge", rule()),
                unique=changes.get("unique", rule()),
                pii=changes.get("pii", False),
            ),
        )
        b: str

        class Config:
            metadata = about_table(dependencies=changes.get("dependencies", ()))

        @row_check()
        def small(cls) -> nw.Expr:
            return nw.col("a") < limit

    return compile_contract(Made).fingerprint


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    code = (
        "from etl_assets_tests.contracts.test_fingerprints import Words;"
        "from etl_assets.contracts.rules import compile_contract; print(compile_contract(Words).fingerprint)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "2")
    }
    assert found == {compile_contract(Words).fingerprint}


def test_the_fingerprint_is_the_same_in_every_version() -> None:
    # When this fails, every user's tables are validated anew: be sure that this is meant.
    assert (
        compile_contract(Words).fingerprint
        == "f4bec7ffbb46b90576d3bdca1382405bb77e7183019b0cbd477d872f4b148126"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": float},
        {"least": 1},
        {"nullable": True},
        {"ge": warn()},
        {"ge": rule(weight=2)},
        {"ge": rule(dimension="consistency")},
        {"unique": rule(on_violation="quarantine")},
        {"pii": True},
        {"dependencies": [Dependency("a", "b")]},
        # A constant that is written outside the check counts as well.
        {"limit": 4},
    ],
)
def test_it_changes_with_what_is_checked(change: dict[str, Any]) -> None:
    assert made(**change) != made()


def test_it_changes_with_what_determines_what() -> None:
    kinds = [Dependency("a", "b"), Dependency("b", "a"), Dependency("a", "b", rule("error"))]
    assert len({made(dependencies=[one]) for one in kinds}) == 3


@pytest.mark.parametrize("change", [{"description": "a number"}, {"ge": rule(why="so it is")}])
def test_it_does_not_change_with_words(change: dict[str, Any]) -> None:
    assert made(**change) == made()


def referring(waits: bool | timedelta) -> str:
    class Referring(Contract):
        a: int = pa.Field(metadata=about(references=Reference("others", "a", waits=waits)))

    return compile_contract(Referring).fingerprint


def test_a_scope_and_waiting_are_part_of_it_and_their_defaults_change_nothing() -> None:
    assert made(unique=rule(scope="partition")) == made()
    assert made(unique=rule(scope="table")) != made()
    # How long rows may wait changes no table.
    assert referring(True) == referring(timedelta(days=2)) != referring(False)
    # What it was before either could be said.
    assert referring(False) == REFERRING


REFERRING = "850aa9d17195b9d38d695620c0b5654a0abe83e6144f8abbc9e546c86d6c2e46"
