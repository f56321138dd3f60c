"""Names the line of a dataset's own code that is to be mended, and not the line of ours that noticed."""

from __future__ import annotations

import ast
import inspect
import sys
import traceback
from pathlib import Path

from etl_assets.contracts.dataset import Dataset
from etl_assets.errors import ContractError, EtlError

_LONGEST = 300

_CODE_FAULTS = (
    SyntaxError,
    ImportError,
    NameError,
    AttributeError,
    TypeError,
    NotImplementedError,
    RecursionError,
    OSError,
    MemoryError,
)


def load_error(error: BaseException, name: str, root: Path, found: object) -> EtlError:
    """Say what keeps a dataset from being loaded, and where its author has to look.

    Args:
        error: What was raised.
        name: The dataset.
        root: The folder of the author's files.
        found: What was imported as the dataset, None if it did not come so far.
    """
    said = error.where if isinstance(error, EtlError) else {}
    place = _place(error, root, found) | {key: said[key] for key in said if key in ("file", "line")}
    others = {key: value for key, value in said.items() if key not in place}
    where = {"dataset": name, **place, **others}
    if isinstance(error, EtlError):
        return type(error)(error.what, where=where, hint=error.hint)
    if isinstance(error, SyntaxError):
        told = f"{type(error).__name__}: {error.msg}"
    elif isinstance(error, SystemExit):
        told = "it ends the program (SystemExit)"
    elif is_safe(error):
        first = str(error).strip().partition("\n")[0][:_LONGEST]
        told = f"{type(error).__name__}: {first}" if first else type(error).__name__
    else:
        told = f"{type(error).__name__}; its own words are left out, for they may quote cells"
    return ContractError(
        f"The code of the dataset {name} can't be imported: {told}", where=where, hint=_import_hint(error)
    )


def _import_hint(error: BaseException) -> str:
    """The import that is missing, where a name of ours is used without it, as when a rule is copied."""
    if not isinstance(error, NameError) or not error.name:
        return ""
    # Late, for they bring Pandera along, which a look at what there is does without.
    from etl_assets import cleaning
    from etl_assets.contracts import declare

    wanted = {
        "nw": "import narwhals.stable.v1 as nw",
        "pa": "import pandera.polars as pa",
        "pl": "import polars as pl",
        **{name: f"from etl_assets.cleaning import {name}" for name in cleaning.__all__},
        **{name: f"from etl_assets.contracts.declare import {name}" for name in declare.__all__},
    }.get(error.name)
    return f"Write at the top of the file: {wanted}" if wanted else ""


def is_safe(error: BaseException) -> bool:
    """Whether an error's text speaks of code alone: Polars and `ValueError` quote the value they met."""
    if isinstance(error, EtlError):
        return True
    packages = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    by_polars = bool(packages) and packages[-1].partition(".")[0] == "polars"
    return type(error).__module__ == "builtins" and isinstance(error, _CODE_FAULTS) and not by_polars


def is_inside(file: str | None, root: Path) -> bool:
    """Whether a file is one of the author's."""
    if file is None:
        return False
    path = Path(file).resolve()
    return path.is_relative_to(root.resolve())


def _place(error: BaseException, root: Path, found: object) -> dict[str, object]:
    if isinstance(error, SyntaxError) and is_inside(error.filename, root):
        return {"file": error.filename, "line": error.lineno}
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    lines = [(file, line) for file, line in frames if is_inside(file, root)]
    if lines:
        return dict(zip(("file", "line"), lines[-1], strict=True))
    said = error.where if isinstance(error, EtlError) else {}
    for table in found.tables if isinstance(found, Dataset) else ():
        if table.contract.__name__ == said.get("contract"):
            return _line_in_class(table.contract, str(said.get("rule", "")))
    return {} if found is None else _line_of_dataset(root, found)


def _line_in_class(model: type, rule: str) -> dict[str, object]:
    """The line of the field or check that a rule's name speaks of, else that of its class."""
    try:
        file = inspect.getsourcefile(model)
        lines, first = inspect.getsourcelines(model)
    except (OSError, TypeError):
        return {}
    body = ast.parse(inspect.cleandoc("\n" + "".join(lines)) if lines[0][0].isspace() else "".join(lines))
    model_node = body.body[0]
    names = rule.split(".")
    for node in model_node.body if isinstance(model_node, ast.ClassDef) else ():
        called = node.name if isinstance(node, ast.FunctionDef) else ""
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            called = node.target.id
        if called and called in names:
            return {"file": file, "line": first + node.lineno - 1}
    return {"file": file, "line": first}


def _line_of_dataset(root: Path, found: object) -> dict[str, object]:
    """Where `DATASET` is made."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if vars(module).get("DATASET") is found and is_inside(file, root):
            for node in ast.parse(Path(str(file)).read_text(encoding="utf-8")).body:
                targets = node.targets if isinstance(node, ast.Assign) else []
                if any(isinstance(target, ast.Name) and target.id == "DATASET" for target in targets):
                    return {"file": file, "line": node.lineno}
            return {"file": file}
    return {}
