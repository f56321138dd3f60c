"""What comes of a data contract that somebody else wrote."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v1 as nw
import polars as pl
import pytest
import yaml

from etl_assets.contracts.odcs import Loss, ReadContracts, compile_table, parse_document, read_contracts
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.contracts.rules import CompiledContract, Rule, compile_contract
from etl_assets.contracts.vocabulary import Dimension, OnViolation, RuleKind, Severity
from etl_assets.errors import ContractError

HEAD = {"version": "1.0.0", "apiVersion": "v3.1.0", "kind": "DataContract", "id": "x", "status": "active"}

TWICE = "schema:\n" + "- {name: a, properties: [{name: n, logicalType: integer}]}\n" * 2


def read(*properties: dict[str, Any], **said: Any) -> ReadContracts:
    table = {"name": "orders", "properties": list(properties), **said}
    return read_contracts(parse_document(yaml.safe_dump(HEAD | {"schema": [table]}), "x.odcs.yaml"))


def compiled(found: ReadContracts) -> CompiledContract:
    return compile_contract(found.tables[0].contract)


def one(name: str = "n", logical: str = "integer", **said: Any) -> dict[str, Any]:
    return {"name": name, "logicalType": logical, **said}


def rules_of(found: ReadContracts) -> dict[str, Rule]:
    rules = compiled(found).rules
    return {rule.name: rule for rule in rules if not set(rule.columns) & set(PROVENANCE)}


def sql(query: str, **said: Any) -> dict[str, Any]:
    return {"type": "sql", "query": query, **(said or {"mustBe": 0})}


def never(metric: str, **said: Any) -> dict[str, Any]:
    return {"metric": metric, "mustBe": 0, **said}


def holds(rule: Rule, **columns: list[Any]) -> list[Any]:
    assert rule.expression is not None
    frame = nw.from_native(pl.LazyFrame(columns)).select(verdict=rule.expression).to_native()
    return frame.collect()["verdict"].to_list()


def test_a_property_becomes_a_column_with_its_rules() -> None:
    found = read(
        one("id", "string", required=True, unique=True, logicalTypeOptions={"pattern": "^O", "maxLength": 9}),
        one("n", required=True, description="how many", logicalTypeOptions={"minimum": 1, "format": "i32"}),
        one("price", "number", physicalType="DECIMAL(12, 2)", logicalTypeOptions={"exclusiveMaximum": 9.5}),
        one("day", "date", logicalTypeOptions={"format": "dd.MM.yyyy", "minimum": "2020-01-01"}),
        one("at", "timestamp", logicalTypeOptions={"timezone": True, "defaultTimezone": "Europe/Berlin"}),
        one("who", "string", classification="confidential"),
        one("even", logicalTypeOptions={"multipleOf": 2}),
    )
    contract = compiled(found)
    assert found.findings == ()
    assert str(found.tables[0].id) == "silver/orders"
    assert contract.schema["n"] == pl.Int32()
    assert contract.schema["price"] == pl.Decimal(12, 2)
    assert contract.schema["at"] == pl.Datetime("us", "Europe/Berlin")
    assert contract.casts["day"].format == "%d.%m.%Y"
    assert contract.pii == {"who"}
    assert contract.nullable >= {"price", "day", "at", "who", "even"}
    assert contract.descriptions["n"] == "how many"
    rules = rules_of(found)
    assert {"id.unique", "id.not_null", "id.str_matches", "id.str_length", "n.greater_than_or_equal_to"} <= {
        *rules
    }
    assert holds(rules["even.multiple_of"], even=[1, 2, None]) == [False, True, True]


def test_dimension_severity_weight_and_reason_are_kept() -> None:
    entry = {
        "type": "sql",
        "query": "SELECT COUNT(*) FROM {object} WHERE {property} > 10",
        "mustBe": 0,
        "dimension": "conformity",
        "severity": "warning",
        "businessImpact": "typing errors",
        "customProperties": [{"property": "weight", "value": 3}],
    }
    rule = rules_of(read(one(quality=[entry])))["n.less_than_or_equal_to"]
    assert (rule.severity, rule.dimension, rule.weight) == (Severity.WARN, Dimension.VALIDITY, 3.0)
    assert rule.why == "typing errors"


@pytest.mark.parametrize(
    ("entry", "values", "verdicts"),
    [
        (
            never("invalidValues", arguments={"validValues": [1, 2]}),
            [1, 3],
            [True, False],
        ),
        (
            never("missingValues", arguments={"missingValues": [-1]}),
            [1, -1],
            [True, False],
        ),
        (
            {
                "type": "sql",
                "query": "SELECT COUNT(*) FROM {object} WHERE NOT (n % 2 = 0 OR n > 5)",
                "mustBe": 0,
            },
            [2, 3, 7, None],
            [True, False, True, True],
        ),
        (
            sql("select count(*) from orders where (n > 1) is not true"),
            [2, 1, None],
            [True, False, False],
        ),
        (
            {
                "type": "sql",
                "query": "SELECT COUNT(*) FROM ${table} WHERE ${column} = 3",
                "mustBeLessThan": 1,
            },
            [2, 3],
            [True, False],
        ),
    ],
)
def test_what_may_never_be_is_judged_row_by_row(
    entry: dict[str, Any], values: list[Any], verdicts: list[bool]
) -> None:
    found = read(one(quality=[entry]))
    assert found.findings == ()
    rules = [rule for rule in rules_of(found).values() if not rule.name.endswith("castable")]
    assert len(rules) == 1
    assert rules[0].kind is RuleKind.ROW
    assert holds(rules[0], n=values) == verdicts


@pytest.mark.parametrize(
    ("entry", "good", "bad"),
    [
        ({"metric": "nullValues", "mustBeLessThan": 2}, [None, 1], [None, None]),
        ({"metric": "nullValues", "mustBeLessOrEqualTo": 50, "unit": "percent"}, [None, 1], [None, None, 1]),
        (
            {"metric": "missingValues", "arguments": {"missingValues": [None, 0]}, "mustBeLessThan": 2},
            [None, 1],
            [None, 0],
        ),
        (
            {"metric": "invalidValues", "arguments": {"validValues": [1]}, "mustBeBetween": [1, 2]},
            [1, 2],
            [1, None],
        ),
        ({"metric": "duplicateValues", "mustBeLessThan": 2}, [1, 1, 2, None, None], [1, 1, 1]),
        (sql("SELECT SUM({property}) FROM {object}", mustNotBe=3), [1, 1], [1, 2]),
        (sql("SELECT MAX(n) > MIN(n) FROM orders", mustBe=True), [1, 2], [1, 1]),
        (
            sql("SELECT COUNT(*) FROM {object} WHERE n > 5", mustBeGreaterThan=0),
            [1, 6],
            [1, None],
        ),
    ],
)
def test_what_may_be_to_some_extent_is_judged_of_all_rows(
    entry: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    found = read(one(quality=[{**entry, "name": "the_rule"}]))
    assert found.findings == ()
    rule = rules_of(found)["the_rule"]
    assert rule.kind is RuleKind.AGGREGATE
    assert holds(rule, n=good) == [True]
    assert holds(rule, n=bad) == [False]


def test_nulls_duplicates_keys_and_row_counts() -> None:
    found = read(
        one("a", quality=[never("nullValues", severity="warning")], primaryKey=False),
        one("b", quality=[{"metric": "duplicateValues", "mustBe": 0}]),
        one("c", primaryKey=True, primaryKeyPosition=2),
        one("d", primaryKey=True, primaryKeyPosition=1),
        quality=[
            {"metric": "rowCount", "mustBeBetween": [1, 2], "name": "some rows"},
            {
                "metric": "duplicateValues",
                "mustBe": 0,
                "arguments": {"properties": ["a", "b"]},
                "customProperties": [{"property": "onViolation", "value": "quarantine"}],
            },
        ],
    )
    rules = rules_of(found)
    assert rules["a.not_null"].severity is Severity.WARN
    assert rules["b.unique"].kind is RuleKind.UNIQUE
    assert {"unique(d,c)", "unique(a,b)"} <= {*rules}
    assert rules["unique(a,b)"].on_violation is OnViolation.QUARANTINE
    assert holds(rules["some_rows"], a=[1, 2, 3]) == [False]
    assert rules["some_rows"].dimension is Dimension.COMPLETENESS


def test_relationships_become_references_within_the_dataset() -> None:
    shops = {"name": "shops", "id": "shops_tbl", "properties": [{**one("id", "string"), "id": "shop_id"}]}
    orders = {
        "name": "orders",
        "properties": [
            one("shop", "string", relationships=[{"to": "shops.id"}]),
            one("branch", "string", relationships=[{"to": "schema/shops_tbl/properties/shop_id"}]),
            one("other", "string"),
            one("far", "string", relationships=[{"to": "https://x.org/c.yaml#/schema/a/properties/b"}]),
        ],
        "relationships": [
            {"from": "orders.other", "to": "shops.id"},
            {"from": ["orders.shop", "orders.other"], "to": ["shops.id", "shops.id"]},
            {"from": "orders.nobody", "to": "shops.id"},
        ],
    }
    text = yaml.safe_dump(HEAD | {"schema": [shops, orders]})
    found = read_contracts(parse_document(text, "x"))
    contract = compile_contract(found.tables[1].contract)
    references = {rule.columns[0]: rule.reference for rule in contract.rules if rule.reference}
    assert {(name, said.table, said.column) for name, said in references.items()} == {
        ("shop", "shops", "id"),
        ("branch", "shops", "id"),
        ("other", "shops", "id"),
    }
    lost = {one.path for one in found.findings if one.loss is Loss.RULE}
    assert lost == {
        "schema.1.properties.3.relationships.0",
        "schema.1.relationships.1",
        "schema.1.relationships.2",
    }


@pytest.mark.parametrize(
    ("said", "place", "loss"),
    [
        ({"encryptedName": "x"}, "encryptedName", Loss.NOTE),
        ({"logicalType": "object"}, "logicalType", Loss.TABLE),
        ({"classification": "level 4"}, "classification", Loss.MEANING),
        ({"physicalType": "varchar(20)", "logicalType": "string"}, "physicalType", Loss.RULE),
        ({"logicalType": "string", "logicalTypeOptions": {"format": "email"}}, "format", Loss.RULE),
        (
            {"logicalType": "string", "logicalTypeOptions": {"pattern": "a(?=b)"}},
            "logicalTypeOptions",
            Loss.RULE,
        ),
        ({"logicalType": "date", "logicalTypeOptions": {"format": "QQQ yyyy"}}, "format", Loss.RULE),
        ({"quality": [{"type": "text", "description": "good"}]}, "quality.0", Loss.NOTE),
        ({"quality": [{"type": "custom", "engine": "soda", "implementation": "x"}]}, "quality.0", Loss.RULE),
        (
            {"quality": [never("nullValues", dimension="accuracy")]},
            "dimension",
            Loss.MEANING,
        ),
        ({"quality": [never("nullValues", severity="odd")]}, "severity", Loss.MEANING),
        (
            {"quality": [never("nullValues", schedule="0 1 * * *")]},
            "schedule",
            Loss.NOTE,
        ),
        ({"quality": [sql("SELECT 1 FROM other", mustBe=1)]}, "quality.0", Loss.RULE),
        (
            {"quality": [sql("SELECT SECRET(n) FROM {object}", mustBe=1)]},
            "0",
            Loss.RULE,
        ),
        (
            {"quality": [sql("SELECT LAG(n) OVER () FROM {object}", mustBe=1)]},
            "0",
            Loss.RULE,
        ),
        ({"quality": [sql("no sql (", mustBe=1)]}, "quality.0", Loss.RULE),
    ],
)
def test_what_has_no_counterpart_is_named_with_its_place(
    said: dict[str, Any], place: str, loss: Loss
) -> None:
    found = read(one("kept"), {**one(), **said})
    compiled(found)
    ours = [finding for finding in found.findings if finding.path.endswith(place)]
    assert [finding.loss for finding in ours] == [loss]
    assert ours[0].path.startswith("schema.0.properties.1.")
    assert ours[0].line is not None


def test_no_key_of_the_standard_is_dropped_in_silence() -> None:
    document = HEAD | {
        "price": {"priceAmount": 1},
        "slaProperties": [{"property": "latency", "value": 4}],
        "tags": ["a"],
        "domain": "shops",
        "schema": [
            {
                "name": "orders",
                "tags": ["b"],
                "dataGranularityDescription": "a line",
                "properties": [one(examples=[1], tags=["c"], transformLogic="x", criticalDataElement=True)],
            }
        ],
    }
    found = read_contracts(parse_document(yaml.safe_dump(document), "x"))
    assert {one.path.rpartition(".")[2] for one in found.findings} == {
        "price",
        "slaProperties",
        "tags",
        "domain",
        "dataGranularityDescription",
        "examples",
        "transformLogic",
        "criticalDataElement",
    }


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "required property"),
        ("- a", "isn't a mapping"),
        ("a: [", "isn't valid YAML"),
        ("kind: DataContract\napiVersion: v2.2.2\nversion: x\nid: x\nstatus: x", r"version v2\.2\.2"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("kind: !!python/object/apply:os.system [ls]", "isn't valid YAML"),
        ("a: " + "[" * 5000, "nested"),
        (yaml.safe_dump(HEAD | {"shcema": []}), "no such key shcema"),
        (yaml.safe_dump(HEAD | {"schema": [{"name": "a"}]}), "has no columns"),
        (yaml.safe_dump(HEAD) + TWICE, "described twice"),
    ],
)
def test_what_is_no_data_contract_is_refused_with_its_place(text: str, match: str) -> None:
    with pytest.raises(ContractError, match=match) as caught:
        read_contracts(parse_document(text, "bad.odcs.yaml"))
    assert caught.value.where["file"] == "bad.odcs.yaml"


def test_a_key_that_the_standard_does_not_have_is_named_with_its_line() -> None:
    text = yaml.safe_dump(HEAD | {"schema": [{"name": "a", "properties": [one(requird=True)]}]})
    with pytest.raises(ContractError, match="no such key requird") as caught:
        parse_document(text, "x")
    assert text.splitlines()[int(str(caught.value.where["line"])) - 1].strip() == "requird: true"


OURS = {"type": "custom", "engine": "etl_assets"}


@pytest.mark.parametrize(
    "entry",
    [
        sql("SELECT COUNT(*) FROM {object} WHERE " + "(" * 400 + "n > 1" + ")" * 400),
        sql("SELECT COUNT(*) FROM {object} WHERE " + "NOT " * 3000 + "n > 1"),
        sql("SELECT COUNT(*) FROM {object} WHERE n > 'abc'"),
        sql("SELECT COUNT(*) FROM {object} WHERE n"),
        sql("SELECT COUNT(*) FROM {object} WHERE n > 1 AND 1 = 1"),
        sql("SELECT COUNT(*) FROM {object} WHERE n LIKE '%x'"),
        sql("SELECT COUNT(*) FROM {object} WHERE n IN (1, NULL)"),
        sql("SELECT COUNT(*) FROM read_csv('/etc/passwd') WHERE n > 1"),
        sql("SELECT n FROM {object}", mustBe=3),
        sql("SELECT SUM(n) FROM {object}", mustBe="x"),
        sql("SELECT 1; SELECT 2", mustBe=1),
        sql("", mustBe=1),
        never("invalidValues", arguments={"validValues": []}),
        never("invalidValues", arguments={"validValues": 5}),
        never("invalidValues", arguments={"validValues": ["a", {"x": 1}]}),
        never("invalidValues", arguments={"pattern": "("}),
        never("invalidValues"),
        never("missingValues", arguments={"missingValues": ["N/A"]}),
        {"metric": "nullValues", "mustBe": True},
        {"metric": "nullValues", "mustBeLessThan": 2, "unit": "bananas"},
        {**OURS, "implementation": {"rule": ["x"]}},
        {**OURS, "implementation": "castable"},
        {**OURS, "implementation": {"rule": "determined_by", "determinants": 5, "dependent": "n"}},
        {**OURS, "implementation": {"rule": "in_period", "column": "n"}},
    ],
    ids=lambda entry: str(entry)[:60],
)
def test_an_odd_rule_is_named_and_harms_nothing_else(entry: dict[str, Any]) -> None:
    found = read(one("kept", logicalTypeOptions={"minimum": 3}), one(quality=[entry]))
    assert [finding.loss for finding in found.findings] == [Loss.RULE]
    assert {"kept.greater_than_or_equal_to", "n.castable"} <= set(rules_of(found))


def test_what_cannot_be_compiled_leads_to_its_line() -> None:
    text = yaml.safe_dump(HEAD) + "schema:\n- name: a\n  properties:\n  - {name: '', logicalType: string}\n"
    document = parse_document(text, "x.odcs.yaml")
    with pytest.raises(ContractError, match="no name of a column") as caught:
        compile_table(read_contracts(document).tables[0], document)
    assert caught.value.where["file"] == "x.odcs.yaml"
    assert int(str(caught.value.where["line"])) >= text.count("\n") - 3
