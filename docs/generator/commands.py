"""The page of `dq`, from its own commands."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer

from docs.generator.markdown import code, document, escaped, fence, one_of, table
from etl_assets.cli import problems
from etl_assets.cli.main import app
from etl_assets.cli.problems import ExitCode


def page() -> str:
    """Return the page."""
    root = typer.main.get_command(app)
    return document(
        "# `dq`",
        *_help(root, "dq"),
        "## Exit codes",
        table(("code", "meaning"), ((code(int(one)), meaning) for one, meaning in exit_codes())),
        "Errors go to standard error: what is wrong, where, and a hint. With `--json`, standard output is "
        "JSON and nothing else.",
        *_verbs(root, "dq"),
    )


def exit_codes() -> list[tuple[ExitCode, str]]:
    """Return each exit code with the text that stands below it in the code."""
    tree = ast.parse(inspect.getsource(ExitCode)).body[0]
    assert isinstance(tree, ast.ClassDef)
    meanings = [
        (ExitCode[statement.targets[0].id], str(ast.literal_eval(said.value)))  # type: ignore[attr-defined]
        for statement, said in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(statement, ast.Assign) and isinstance(said, ast.Expr)
    ]
    assert [one for one, _ in meanings] == list(ExitCode), problems.__file__
    return meanings


def verbs(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Return each verb that can be given, with its command."""
    for verb, below in getattr(command, "commands", {}).items():
        if below.hidden:
            continue
        if hasattr(below, "commands"):
            yield from verbs(below, f"{name} {verb}")
        else:
            yield f"{name} {verb}", below


def _verbs(root: Any, name: str) -> Iterator[str]:
    for verb, command in verbs(root, name):
        yield f"## `{verb}`"
        yield from _help(command, verb)


def _help(command: Any, verb: str) -> Iterator[str]:
    """Return a command's help: usage, paragraphs, examples, arguments and options."""
    shown = [one for one in command.params if one.name != "help" and not one.hidden]
    usage = [_usage(one) for one in shown if not hasattr(one, "is_flag")]
    options = ["[OPTIONS]"] if any(hasattr(one, "is_flag") for one in shown) else []
    more = ["COMMAND"] if hasattr(command, "commands") else []
    yield fence(" ".join([verb, *options, *usage, *more]))
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield _paragraph(paragraph)
    if shown:
        yield table(("argument or option", "allowed values", "default", "meaning"), map(_parameter, shown))


def _paragraph(text: str) -> str:
    as_written = text.startswith("\b")
    lines = text.removeprefix("\b").strip("\n").split("\n")
    if not as_written:
        return escaped(" ".join(lines))
    # A line that introduces the indented ones stays prose.
    if len(lines) > 1 and lines[0].endswith(":") and not lines[0].startswith(" "):
        return escaped(lines[0]) + "\n\n" + fence(inspect.cleandoc("\n" + "\n".join(lines[1:])))
    return fence("\n".join(lines))


def _usage(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    name += "..." if parameter.nargs == -1 else ""
    return name if parameter.required else f"[{name}]"


def _parameter(parameter: Any) -> tuple[str, str, str, str]:
    is_option = hasattr(parameter, "is_flag")
    if is_option:
        metavar = "" if parameter.is_flag else f" {parameter.metavar or _metavar(parameter)}"
        name = ", ".join(code(opt + metavar) for opt in [*parameter.opts, *parameter.secondary_opts])
    else:
        name = code(_usage(parameter))
    default = parameter.default
    if parameter.required:
        shown = "required"
    elif is_option and parameter.is_flag:
        shown = "on" if default else "off"
    elif default is None or callable(default) or default in ((), []):
        shown = "none"
    else:
        shown = code(default.value if isinstance(default, Enum) else default)
    return name, _allowed(parameter), shown, escaped(_unmarked(parameter.help or ""))


def _metavar(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "WORD"
    return {int: "NUMBER", float: "NUMBER"}.get(annotation, "TEXT")


def _allowed(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return one_of(member.value for member in annotation)
    limits = [f"at least {parameter.min}"] if parameter.min is not None else []
    limits += [f"at most {parameter.max}"] if parameter.max is not None else []
    return ", ".join(limits)


def _unmarked(text: str) -> str:
    """Without Rich's marks such as `[bold]`."""
    return re.sub(r"\[/?(bold|dim|italic|red|green|yellow|cyan)[a-z ]*\]", "", text)
