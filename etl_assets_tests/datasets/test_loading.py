from __future__ import annotations

import importlib.util
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from etl_assets.datasets import find_datasets, load_dataset, load_datasets
from etl_assets.errors import ContractError
from etl_assets_tests.datasets.folders import (
    BRONZE,
    DATASET,
    SILVER,
    write_dataset,
    write_distribution,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "datasets"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def broken(folder: Path, name: str = "sales") -> ContractError:
    with pytest.raises(ContractError) as caught:
        load_dataset(name, [folder])
    return caught.value


def line_of(file: Path, text: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), start=1) if text in line)


# -- where datasets are -----------------------------------------------------------------------


def test_a_folder_is_a_dataset_whose_modules_import_each_other(folder: Path) -> None:
    write_dataset(folder)
    dataset = load_dataset("sales", [folder])
    assert [str(table.id) for table in dataset.tables] == ["bronze/sales", "silver/sales"]
    assert load_dataset("sales", [folder]) is dataset
    assert load_dataset("sales", [str(folder)]) is dataset


def test_datasets_of_one_folder_may_share_modules(folder: Path) -> None:
    write_dataset(folder, silver=SILVER + "\n    from ..shared import KNOWN\n")
    (folder / "shared.py").write_text("KNOWN = 1\n")
    assert load_dataset("sales", [folder]).name == "sales"


def test_two_projects_in_one_process_do_not_meet(tmp_path: Path) -> None:
    for project in ("a", "b"):
        text = DATASET.replace("Sales.", f"Sales of {project}.")
        write_dataset(tmp_path / project / "datasets", __init__=text.format(name="sales"))
    found = [load_dataset("sales", [tmp_path / project / "datasets"]) for project in ("a", "b")]
    assert [one.description for one in found] == ["Sales of a.", "Sales of b."]


def test_a_folder_hides_no_package_of_the_same_name(folder: Path, site: Path) -> None:
    for package in ("datasets", "sales"):
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").write_text("SOMEBODY_ELSES = True\n")
    write_dataset(folder)
    load_dataset("sales", [folder])
    for package in ("datasets", "sales"):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin == str(site / package / "__init__.py")


def test_a_package_names_its_datasets_by_entry_points(site: Path) -> None:
    write_dataset(write_distribution(site, "acme_data", {"parts": "acme_data.parts:DATASET"}), "parts")
    assert load_dataset("parts").name == "parts"
    assert "acme_data (acme_data.parts:DATASET)" in str(find_datasets()["parts"][0])


def test_the_nearest_counts(folder: Path, site: Path) -> None:
    """Folder, package, built in: whoever calls a dataset retail gets their own."""
    assert load_dataset("retail", [folder]).owners == ("team:retail",)
    write_dataset(write_distribution(site, "acme_shop", {"retail": "acme_shop.retail:DATASET"}), "retail")
    assert load_dataset("retail", [folder]).description == "Sales."
    write_dataset(folder, "retail", __init__=DATASET.replace("Sales.", "Mine.").format(name="retail"))
    assert load_dataset("retail", [folder]).description == "Mine."
    assert [place.kind for place in find_datasets([folder])["retail"]] == ["folder", "package", "built in"]


def test_two_of_the_same_kind_are_an_error_that_names_both(tmp_path: Path, site: Path) -> None:
    for name in ("here", "there"):
        write_dataset(tmp_path / name)
        write_distribution(site, f"of_{name}", {"parts": f"of_{name}.parts:DATASET"})
    folders = [tmp_path / "here", tmp_path / "there"]
    with pytest.raises(ContractError) as caught:
        load_dataset("sales", folders)
    assert all(str(one / "sales") in str(caught.value) for one in folders)
    with pytest.raises(ContractError, match=r"of_here \(of_here.parts:DATASET\) and of_there"):
        load_dataset("parts", folders)
    assert load_dataset("retail", folders).name == "retail"
    assert load_dataset("sales", [folders[0], folders[0]]).name == "sales"


def test_only_what_is_asked_for_is_imported(folder: Path, site: Path) -> None:
    write_dataset(folder)
    write_dataset(folder, "other", __init__="raise SystemExit('imported')")
    write_distribution(site, "acme_other", {"more": "acme_other.not_there:DATASET"})
    assert list(load_datasets(["sales"], [folder]).datasets) == ["sales"]
    code = f"import sys; from etl_assets.datasets import find_datasets; find_datasets([{str(folder)!r}])"
    code += "; print([name for name in sys.modules if 'pandera' in name or 'flights' in name])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_what_is_not_there_is_told_with_how_to_make_it(folder: Path) -> None:
    write_dataset(folder, "other")
    error = broken(folder)
    assert "no code for the dataset sales" in error.what
    assert "dq new sales" in error.hint
    assert "other" in error.hint
    (folder / "sales").mkdir()
    assert "__init__.py or dataset.yaml" in broken(folder).hint


# -- what is wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "marked", "said"),
    [
        ("import nothing_there  # here\n", "here", "ModuleNotFoundError: No module named 'nothing_there'"),
        ("x = 1 +\n", "x = 1", "SyntaxError"),
        ("import json\njson.loads('{')  # here\n", "here", "JSONDecodeError"),
        ("def f():\n    return f()  # here\nf()\n", "here", "RecursionError"),
        ("raise SystemExit  # here\n", "here", "SystemExit"),
        ("assert 1 == 2  # here\n", "here", "AssertionError"),
        ("from .bronze import Nothing  # here\n", "here", "ImportError"),
    ],
)
def test_a_module_that_can_not_be_imported_is_named_with_the_authors_line(
    folder: Path, text: str, marked: str, said: str
) -> None:
    own = write_dataset(folder, silver=text)
    error = broken(folder)
    assert said in error.what
    assert error.where == {
        "dataset": "sales",
        "file": str(own / "silver.py"),
        "line": line_of(own / "silver.py", marked),
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("@row_check()\ndef positive(cls): ...\n", "from etl_assets.contracts.declare import row_check"),
        ("x = moment('a')\n", "from etl_assets.cleaning import moment"),
        ("x = nw.col('a')\n", "import narwhals.stable.v1 as nw"),
        ("x = mine\n", ""),
    ],
)
def test_a_missing_import_is_told(folder: Path, text: str, wanted: str) -> None:
    write_dataset(folder, silver=text)
    assert broken(folder).hint == (f"Write at the top of the file: {wanted}" if wanted else "")


@pytest.mark.parametrize(
    ("file", "old", "new", "marked", "said"),
    [
        ("silver", "pa.Field(ge=0)", "pa.Field(ge=0, coerce=True)", "amount:", "coerce is set"),
        ("silver", "pa.Field(ge=0)", "pa.Field(ge='a lot')", "amount:", "can't be compared"),
        ("bronze", "id: str", "id: complex", "class BronzeSales", "Pandera refuses the contract"),
        ("silver", "(bronze: pl", "(raw: pl", "DATASET = ", "does not take the table's inputs"),
        ("__init__", '{"bronze": BRONZE}', '{"bronze": SILVER}', "DATASET = ", "built from silver/sales"),
        ("__init__", 'name="sales"', 'name="sale"', "DATASET = ", "is called 'sale'"),
        ("__init__", "BRONZE, bronze.BronzeSales", "SILVER, bronze.BronzeSales", "DATASET = ", "no function"),
        ("__init__", '"sales")\nSILVER', '"Sales")\nSILVER', "DATASET = ", "no name of a table"),
    ],
)
def test_a_contract_that_can_not_be_compiled_is_named_with_its_line(
    folder: Path, file: str, old: str, new: str, marked: str, said: str
) -> None:
    own = write_dataset(folder)
    path = own / f"{file}.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    error = broken(folder)
    assert said in error.what
    place = own / "__init__.py" if marked == "DATASET = " else path
    assert error.where["file"] == str(place)
    assert error.where["line"] == line_of(place, marked)


@pytest.mark.parametrize(
    ("text", "said"), [("", "There is no DATASET"), ("DATASET = 7", "no Dataset but a int")]
)
def test_a_folder_without_a_dataset_says_so(folder: Path, text: str, said: str) -> None:
    own = write_dataset(folder, __init__=text)
    error = broken(folder)
    assert said in error.what
    assert error.where["file"] == str(own / "__init__.py")


def test_a_broken_package_is_told_with_its_own_line(site: Path) -> None:
    package = write_distribution(site, "acme_broken", {"parts": "acme_broken.parts:DATASET"})
    own = write_dataset(package, "parts", bronze=BRONZE + "\n    undefined\n")
    with pytest.raises(ContractError, match="NameError") as caught:
        load_dataset("parts")
    assert caught.value.where["file"] == str(own / "bronze.py")
    write_distribution(site, "acme_gone", {"gone": "acme_gone.nowhere:DATASET"})
    with pytest.raises(ContractError, match=r"No module named 'acme_gone.nowhere'"):
        load_dataset("gone")


def test_one_that_is_broken_does_not_stop_the_others(folder: Path) -> None:
    write_dataset(folder)
    write_dataset(folder, "mart", bronze="1 / 0\n")
    loaded = load_datasets(["mart", "sales", "nowhere", "retail"], [folder])
    assert list(loaded.datasets) == ["sales", "retail"]
    assert list(loaded.failures) == ["mart", "nowhere"]


@pytest.mark.parametrize(
    "text",
    [
        "class Own(BaseException): pass\nraise Own('secret@example.com')  # here\n",
        "raise GeneratorExit('secret@example.com')  # here\n",
        "import polars as pl\nraise pl.exceptions.PanicException('secret@example.com')  # here\n",
        "import polars as pl\npl.Series(['secret@example.com']).cast(pl.Int64)  # here\n",
        "import polars as pl\npl.Series([1]).replace_strict({2: 'secret@example.com'})  # here\n",
        "int('secret@example.com')  # here\n",
        "{}['secret@example.com']  # here\n",
        "class Own(TypeError): pass\nraise Own('secret@example.com')  # here\n",
    ],
)
def test_whatever_is_raised_stops_its_dataset_only_and_quotes_no_cell(folder: Path, text: str) -> None:
    own = write_dataset(folder, "mart", silver=text)
    write_dataset(folder)
    loaded = load_datasets(["mart", "sales"], [folder])
    assert list(loaded.datasets) == ["sales"]
    failure = loaded.failures["mart"]
    assert failure.where["file"] == str(own / "silver.py")
    assert failure.where["line"] == line_of(own / "silver.py", "here")
    assert "secret" not in "".join(traceback.format_exception(failure))


def test_who_interrupts_wants_all_to_stop(folder: Path) -> None:
    write_dataset(folder, silver="raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_datasets(["sales", "retail"], [folder])


def test_what_was_mended_can_be_loaded_in_the_same_process(folder: Path) -> None:
    write_dataset(folder, silver=SILVER + "\n    undefined_and_longer_than_before\n")
    broken(folder)
    write_dataset(folder)
    assert load_dataset("sales", [folder]).name == "sales"
