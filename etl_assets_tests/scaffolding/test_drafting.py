"""What is drafted from files, without running a pipeline: all of it loads, and has read the rows."""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
import yaml

from etl_assets.contracts.dataset import Dataset
from etl_assets.contracts.rules import CompiledContract, compile_contract
from etl_assets.contracts.vocabulary import Severity
from etl_assets.errors import EtlError, StagingError
from etl_assets.inspection.table import NoTableError
from etl_assets.scaffolding.dataset import Draft, ScaffoldingError, draft_dataset
from etl_assets.scaffolding.dry_run import load_draft
from etl_assets_tests.scaffolding.test_code import HOSTILE


def csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    pl.DataFrame(
        [list(row) for row in rows], schema=[f"c{n}" for n in range(len(header))], orient="row"
    ).write_csv(path, include_header=False)
    names = pl.DataFrame(
        [list(header)], schema=[f"c{n}" for n in range(len(header))], orient="row"
    ).write_csv(include_header=False)
    path.write_text(names + path.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def numbered(columns: int, rows: int = 30) -> list[list[str]]:
    return [[str(100 * row + column) for column in range(columns)] for row in range(rows)]


def loaded(draft: Draft, folder: Path) -> Dataset:
    start = f"datasets/{draft.name}/"
    modules = {name.removeprefix(start): text for name, text in draft.files.items() if name.startswith(start)}
    return load_draft(draft.name, modules, folder)


def contracts(dataset: Dataset) -> dict[str, CompiledContract]:
    return {str(table.id): compile_contract(table.contract) for table in dataset.tables}


# -- headers --------------------------------------------------------------------------------------


def test_no_header_becomes_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    evil = [
        '"); open("pwned", "w")#',
        "'''; open('pwned', 'w')",
        '"""\nopen("pwned", "w")\n"""',
        "\\\"); open('pwned', 'w')#",
        "{open('pwned', 'w')}",
        "%s # {{}}",
        "\u202eevil\u2066",
        "'\"\\",
    ]
    file = csv(tmp_path / "a.csv", evil, numbered(len(evil)))
    draft = draft_dataset("evil", [file])
    dataset = loaded(draft, tmp_path / "loaded")
    assert not (tmp_path / "pwned").exists()
    assert [name for name in contracts(dataset)["bronze/evil"].schema if not name.startswith("_")] == evil
    for name, text in draft.files.items():
        assert all(line.isprintable() for line in text.split("\n")), name
        if name.endswith(".py"):
            calls = {
                node.func.id
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            assert "open" not in calls
        else:
            yaml.safe_load(text)


def test_hostile_cells_stay_data(tmp_path: Path) -> None:
    """Categories and misspellings stand in contracts."""
    words = [one for one in HOSTILE if one.strip() and "\x00" not in one and "\n" not in one]
    rows = [[f"K{n:04d}", words[n % len(words)]] for n in range(40 * len(words))]
    draft = draft_dataset("cells", [csv(tmp_path / "cells.csv", ["key", "word"], rows)])
    dataset = loaded(draft, tmp_path / "loaded")
    assert draft.findings["cells"].verdict.accepted.height == len(rows)
    assert "silver/cells" in contracts(dataset)


def test_names_that_mean_something_else(tmp_path: Path) -> None:
    headers = [
        "class",
        "1st_col",
        "str",
        "validate",
        "Größe (cm)",
        "größe (cm)",
        "😀",
        "datetime",
        "pa",
        "pl",
    ]
    draft = draft_dataset("odd", [csv(tmp_path / "odd.csv", headers, numbered(len(headers)))])
    schema = contracts(loaded(draft, tmp_path / "loaded"))["silver/odd"].schema
    assert [name for name in schema if not name.startswith("_")] == [
        "class_", "x1st_col", "str_", "validate_", "groesse_cm", "groesse_cm_2", "grinning",
        "datetime_", "pa_", "pl_",
    ]  # fmt: skip


def test_empty_and_repeated_headers(tmp_path: Path) -> None:
    draft = draft_dataset("twins", [csv(tmp_path / "twins.csv", ["", "a", "a", "b"], numbered(4))])
    assert draft.findings["twins"].verdict.accepted.height == 30
    source = yaml.safe_load(draft.files["config/datasets/twins.yaml"])["sources"]["twins"]
    assert source["format"]["unique_header"] is True


def test_reserved_headers_are_named_by_place(tmp_path: Path) -> None:
    draft = draft_dataset("own", [csv(tmp_path / "own.csv", ["_id", "^x$", "name"], numbered(3))])
    source = yaml.safe_load(draft.files["config/datasets/own.yaml"])["sources"]["own"]
    assert source["format"] == {
        "type": "csv", "header": False, "columns": ["id", "x_usd", "name"], "skip_lines": 1,
    }  # fmt: skip
    assert any("'_id', '^x$' can't be names" in doubt.text for doubt in draft.doubts)


@pytest.mark.slow
def test_three_thousand_columns(tmp_path: Path) -> None:
    headers = [f"sensor {n}" for n in range(3_000)]
    draft = draft_dataset("wide", [csv(tmp_path / "wide.csv", headers, numbered(3_000))])
    schema = contracts(loaded(draft, tmp_path / "loaded"))["silver/wide"].schema
    assert len([name for name in schema if not name.startswith("_")]) == 3_000
    assert draft.findings["wide"].verdict.accepted.height == 30


# -- rules ----------------------------------------------------------------------------------------


def orders(count: int = 200) -> list[list[str]]:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=n % 20) for n in range(count)]
    return [
        [
            f"O{n:05d}",
            str(day),
            str(day + dt.timedelta(days=n % 5)),
            f"{n % 90}.50",
            ["open", "sent", "back"][n % 3],
        ]
        for n, day in enumerate(days)
    ]


HEADER = ["order", "ordered", "shipped", "amount", "state"]


def test_rules_say_why_and_stand_on_figures(tmp_path: Path) -> None:
    draft = draft_dataset("orders", [csv(tmp_path / "orders.csv", HEADER, orders())])
    contract = contracts(loaded(draft, tmp_path / "loaded"))["silver/orders"]
    rules = {rule.name: rule for rule in contract.rules}
    assert rules["state.isin"].severity is Severity.ERROR
    assert "200 of 200 rows" in rules["state.isin"].why
    assert "unique(order)" in rules
    assert contract.schema["ordered"] == pl.Date
    assert contract.schema["amount"] == pl.Float64
    assert all(
        rule.why for rule in contract.rules if rule.name.endswith((".isin", ".in_range", ".str_matches"))
    )


def test_a_column_with_too_many_misfits_stays_text(tmp_path: Path) -> None:
    rows = orders()
    for n in range(0, 200, 8):
        rows[n][3] = "on request"
    draft = draft_dataset("orders", [csv(tmp_path / "orders.csv", HEADER, rows)])
    contract = contracts(loaded(draft, tmp_path / "loaded"))["silver/orders"]
    assert contract.schema["amount"] == pl.String
    assert draft.findings["orders"].verdict.accepted.height == 200


def test_a_few_misfits_are_refused_with_their_reason(tmp_path: Path) -> None:
    rows = orders()
    rows[7][3], rows[90][3] = "on request", "soon"
    draft = draft_dataset("orders", [csv(tmp_path / "orders.csv", HEADER, rows)])
    verdict = draft.findings["orders"].verdict
    assert {n: why for n, why in verdict.reasons.items() if "amount.castable" in why.split(";")}.keys() == {
        7,
        90,
    }
    assert verdict.accepted.height == 198


PROBES = [f"P{n % 3};2025-05-{n % 28 + 1:02};{n},5" for n in range(60)]


def test_columns_without_names_are_given_some(tmp_path: Path) -> None:
    path = tmp_path / "probes_2025-05-31.csv"
    path.write_text("\n".join(PROBES) + "\n", encoding="utf-8")
    told = next(
        one.text for one in draft_dataset("probes", [path]).doubts if one.text.startswith("columns: ")
    )
    assert "dq new --columns a,b,c" in told
    draft = draft_dataset("probes", [path], columns=["probe", "measured_on", "celsius"])
    settings = yaml.safe_load(draft.files["config/datasets/probes.yaml"])
    assert settings["sources"]["probes"]["format"]["columns"] == ["probe", "measured_on", "celsius"]
    assert "    celsius: float" in draft.files["datasets/probes/silver.py"]
    assert not any(one.text.startswith("columns: ") for one in draft.doubts)


@pytest.mark.parametrize(
    ("header", "columns", "told"),
    [
        ([], ["a", "b"], "3 columns, and 2 names"),
        ([], ["a", "b", "a"], "a name of its own"),
        ([], ["a", "b", ""], "a name of its own"),
        (["probe;day;value"], ["a", "b", "c"], "names its columns itself"),
    ],
)
def test_names_that_do_not_fit_are_refused(
    header: list[str], columns: list[str], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "probes_2025-05-31.csv"
    path.write_text("\n".join([*header, *PROBES]) + "\n", encoding="utf-8")
    with pytest.raises(EtlError, match=told):
        draft_dataset("probes", [path], columns=columns)


def test_nothing_personal_is_written(tmp_path: Path) -> None:
    first = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Ken"]
    people = [f"{name} {other}son" for name in first for other in first]
    rows = [
        [f"O{n}", name, f"{name.replace(' ', '.').lower()}@example.org", "x"] for n, name in enumerate(people)
    ]
    draft = draft_dataset("people", [csv(tmp_path / "people.csv", ["no", "Name", "E-Mail", "kind"], rows)])
    everything = "\n".join(draft.files.values())
    assert not [name for name in people if name in everything]
    assert "@example.org" not in everything
    assert "e_mail" in contracts(loaded(draft, tmp_path / "loaded"))["silver/people"].pii


# -- several tables -------------------------------------------------------------------------------


PERSONS = ["Emil Zatopek", "Ann Lee", "Xaver Quandt", "Ilse Bilse"]


@pytest.mark.parametrize("header", ["verantwortlich", "seller", "handled by", "column 7", "remark", "desk"])
@pytest.mark.parametrize("form", ["{}", "Call {} back", "{} (night)"])
def test_persons_are_not_listed_in_code(tmp_path: Path, header: str, form: str) -> None:
    """Whatever their column is called, and in free text as well."""
    rows = [
        [f"N{n:04}", ("north", "south", "west")[n % 3], form.format(PERSONS[n % 4]), f"{n % 17}.5"]
        for n in range(300)
    ]
    rows[7][2] = form.format("Ann Lea")  # which would be told as a misspelling
    file = csv(tmp_path / "a.csv", ["number", "region", header, "amount"], rows)
    draft = draft_dataset("a", [file])
    written = "\n".join(draft.files.values())
    for person in (*PERSONS, "Ann Lea"):
        assert person not in written
        assert not re.search(rf"\b{person.split()[1]}\b", written)
    assert 'isin=["north", "south", "west"]' in written
    assert "class GoldAByRegion" in written


def test_rows_are_grouped_by_a_category_of_few_values(tmp_path: Path) -> None:
    rows = [
        [f"N{n:04}", f"kind {n % 40:02}", ("north", "south", "west")[n % 3], f"{n % 17}.5"]
        for n in range(400)
    ]
    file = csv(tmp_path / "a.csv", ["number", "sort", "region", "amount"], rows)
    assert "class GoldAByRegion" in draft_dataset("a", [file]).files["datasets/a/gold.py"]


def test_another_header_is_another_table_and_may_be_referred_to(tmp_path: Path) -> None:
    customers = csv(
        tmp_path / "customers.csv", ["id", "name"], [[f"C{n:02d}", f"The {n}th"] for n in range(40)]
    )
    rows = [[*row, f"C{n % 40:02d}"] for n, row in enumerate(orders())]
    sales = csv(tmp_path / "orders.csv", [*HEADER, "customer"], rows)
    draft = draft_dataset("shop", [sales, customers])
    dataset = loaded(draft, tmp_path / "loaded")
    assert [str(table.id) for table in dataset.tables if table.id.layer == "silver"] == [
        "silver/customers", "silver/orders",
    ]  # fmt: skip
    rules = {rule.name for rule in contracts(dataset)["silver/orders"].rules}
    assert "customer.in_customers" in rules


def test_a_changed_header_is_said_and_makes_no_table(tmp_path: Path) -> None:
    files = [csv(tmp_path / f"s_2024-01-0{n}.csv", HEADER, orders(20)) for n in range(1, 6)]
    files.append(csv(tmp_path / "s_2024-01-06.csv", [*HEADER, "note"], [[*row, "x"] for row in orders(20)]))
    draft = draft_dataset("drift", files)
    assert [table.name for table in draft.tables] == ["drift"]
    told = [doubt for doubt in draft.doubts if "another header" in doubt.text]
    assert len(told) == 1
    assert "s_2024-01-06.csv" in told[0].text
    assert "extra: note" in told[0].text
    assert [*draft.held] == ["s_2024-01-06.csv"]
    assert "s_2024-01-06.csv" not in draft.paths


def test_names_that_fit_two_tables_get_a_folder_each(tmp_path: Path) -> None:
    places = [
        csv(tmp_path / f"{place}.csv", ["code", "area"], [[f"{place}{n}", "x"] for n in range(30)])
        for place in ("bonn", "kiel")
    ]
    other = csv(tmp_path / "staff.csv", ["badge", "desk", "floor"], numbered(3))
    draft = draft_dataset("firm", [*places, other])
    assert {Path(key).parent.name for key in draft.paths} == {table.name for table in draft.tables}


def test_formats_with_types_keep_them(tmp_path: Path) -> None:
    files = []
    for n in (1, 2, 3):
        moments = [dt.datetime(2024, 5, n, hour) for hour in range(24)]
        frame = pl.DataFrame({"at": moments, "price": [hour / 4 for hour in range(24)], "no": range(24)})
        frame = frame.with_columns(
            pl.col("no").cast(pl.UInt16),
            zone=pl.col("at").dt.replace_time_zone("Europe/Berlin").dt.cast_time_unit("ns"),
        )
        files.append(tmp_path / f"ticks_2024-05-0{n}.parquet")
        frame.write_parquet(files[-1])
    draft = draft_dataset("ticks", files)
    schema = contracts(loaded(draft, tmp_path / "loaded"))["silver/ticks"].schema
    assert [schema[name] for name in ("at", "price", "no", "zone")] == [
        pl.Datetime("us"), pl.Float64, pl.Int64, pl.Datetime("us", "UTC"),
    ]  # fmt: skip
    assert draft.tables[0].material.partitioned
    assert draft.findings["ticks"].verdict.accepted.height == 72


def test_dates_that_only_the_names_can_tell(tmp_path: Path) -> None:
    files = []
    for n in range(1, 8):
        rows = [[f"{n}{m:03d}", f"0{n}/03/2024", "x"] for m in range(20)]
        files.append(csv(tmp_path / f"s_2024-03-0{n}.csv", ["no", "day", "what"], rows))
    draft = draft_dataset("days", files)
    assert 'date("day", "%d/%m/%Y")' in draft.files["datasets/days/silver.py"]
    assert draft.findings["days"].verdict.accepted.height == 140


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Sales", "1st", "a-b", "a b", "class", "../up", "flights", "_x", "a.b"])
def test_names_that_can_not_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScaffoldingError):
        draft_dataset(name, [csv(tmp_path / "orders.csv", HEADER, orders())])


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(StagingError, match="There is no such file"):
        draft_dataset("orders", [tmp_path / "orders.csv"])
    (tmp_path / "nothing").mkdir()
    with pytest.raises(StagingError, match="The folder is empty"):
        draft_dataset("orders", [tmp_path / "nothing"])


def test_one_empty_file_stops_it_all(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(NoTableError, match="empty"):
        draft_dataset("orders", [csv(tmp_path / "orders.csv", HEADER, orders()), tmp_path / "empty.csv"])


def test_lists_and_structs_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "nested.parquet"
    pl.DataFrame({"a": [[1, 2], [3]]}).write_parquet(file)
    with pytest.raises(EtlError, match="hold lists or structs"):
        draft_dataset("nested", [file])


def test_a_header_alone_can_be_drafted(tmp_path: Path) -> None:
    draft = draft_dataset("orders", [csv(tmp_path / "orders.csv", HEADER, [])])
    assert set(contracts(loaded(draft, tmp_path / "loaded"))) >= {"bronze/orders", "silver/orders"}


def test_columns_of_fixed_width_are_given_names(tmp_path: Path) -> None:
    lines = [f"{'Emma' if n % 2 else 'Faust':<10}{202503010000 + n:<14}{n * 1.25:>8.2f}" for n in range(60)]
    path = tmp_path / "loans_2025-03-31.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert any(one.text.startswith("columns: ") for one in draft_dataset("loans", [path]).doubts)
    draft = draft_dataset("loans", [path], columns=["title", "loan", "fee"])
    columns = yaml.safe_load(draft.files["config/datasets/loans.yaml"])["sources"]["loans"]["format"][
        "columns"
    ]
    assert [one["name"] for one in columns] == ["title", "loan", "fee"]


def test_where_rows_tell_the_days_the_last_one_may_be_the_end(tmp_path: Path) -> None:
    rows = orders()
    files = [
        csv(tmp_path / "orders-a.csv", HEADER, rows[:100]),
        csv(tmp_path / "orders-b.csv", HEADER, rows[100:]),
    ]
    assert any("without the line `end: 2024-01-" in one.text for one in draft_dataset("orders", files).doubts)
