"""What goes wrong, for people: what, where, what to do; never a traceback. And the exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path

from etl_assets.cli.output import messages, plain
from etl_assets.errors import ContractError, DecisionError, EtlError, SettingsError


class ExitCode(IntEnum):
    """How a verb of `dq` ends; others rely on these numbers."""

    DONE = 0
    """Done, or nothing to do."""
    DATA = 1
    """Data trouble: a gate is closed, a delivery is on hold."""
    WRONG_USE = 2
    """Wrong use, wrong settings, or wrong code of a dataset."""
    BROKEN = 3
    """Something broke."""


class WrongUseError(EtlError):
    """What was asked for does not exist or makes no sense."""


def report(error: Exception) -> ExitCode:
    """Tell a person of an error, on standard error, and return the exit code."""
    if isinstance(error, EtlError):
        _tell(error.what, {plain(key): plain(value) for key, value in error.where.items()}, error.hint)
        wrong_use = isinstance(error, ContractError | DecisionError | SettingsError | WrongUseError)
        return ExitCode.WRONG_USE if wrong_use else ExitCode.BROKEN
    log = _write_log(error)
    where = f"the log is {log}" if log else "the log can't be written"
    messages().print(
        f"dq: something broke: {plain(_in_a_line(error))} ({plain(where)})", style="red", soft_wrap=True
    )
    return ExitCode.BROKEN


def warn_of(consequence: str, error: EtlError) -> None:
    """Tell a person, on standard error, what an error keeps from being done; the rest goes on."""
    where = {plain(key): plain(value) for key, value in error.where.items()}
    _tell(f"{consequence}: {error.what}", where, error.hint, style="yellow")


def _tell(what: str, where: dict[str, str], hint: str, style: str = "red") -> None:
    console = messages()
    console.print(_indented(f"dq: {what}"), style=style, soft_wrap=True)
    for key, value in where.items():
        console.print(f"  {key}: {value}", soft_wrap=True)
    if hint:
        console.print("  hint: " + _indented(hint).lstrip(), style="bold", soft_wrap=True)


def _indented(text: str) -> str:
    """Harmless text; whatever comes after a line break can't pass for a line of ours."""
    first, *others = (plain(line) for line in text.split("\n"))
    return "\n".join([first, *(f"    {line}" for line in others)])


# -- what nobody expected ---------------------------------------------------------------------


def _in_a_line(error: BaseException) -> str:
    """The error's class, and its own words where these can't quote the rows that it stumbled over."""
    try:
        from etl_assets.pipeline.faults import told
    except Exception:
        return type(error).__name__  # the installation itself is broken
    name, text = type(error).__name__, " ".join(_masked(told(error)).split())
    return (text if text.startswith(name) else f"{name}: {text}")[:300]


def _masked(text: str) -> str:
    from etl_assets.logs import mask_url_passwords

    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, "**********")
    return mask_url_passwords(text)


_SECRET_VARIABLES = {
    "ETL_LEDGER_URL",
    "ETL_STORAGE__SECRET_ACCESS_KEY",
    "ETL_STORAGE__SESSION_TOKEN",
    "DAGSTER_PG_URL",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
}


def _secrets() -> list[str]:
    """Everything secret, also of settings that could not be read."""
    from etl_assets.settings.secrets import read_secrets

    try:
        in_files = [one.value for one in read_secrets(os.environ).values()]
    except EtlError:
        in_files = []
    variables = [value for name, value in os.environ.items() if name.upper() in _SECRET_VARIABLES]
    # A word of a few letters may be a part of any other.
    return [value for value in [*in_files, *variables] if len(value) > 3]


_CELLS = ("--set", "--where")


def without_cells(arguments: Sequence[str]) -> list[str]:
    """Leave out what somebody typed for a cell: it may be personal."""
    kept: list[str] = []
    for argument in arguments:
        option, sign, _ = argument.partition("=")
        if kept and kept[-1] in _CELLS:
            kept.append("***")
        elif sign and option in _CELLS:
            kept.append(f"{option}=***")
        else:
            kept.append(argument)
    return kept


def _write_log(error: Exception) -> Path | None:
    """Append the traceback, without secrets and without what may be rows."""
    path = _home() / "logs" / "dq.log"
    told = [f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} dq {_masked(' '.join(without_cells(sys.argv[1:])))}\n"]
    for one in _chain(error):
        told += traceback.format_tb(one.__traceback__)
        told.append(_in_a_line(one) + "\n")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="replace") as log:
            log.write("".join(told) + "\n")
    except OSError:
        return None
    return path


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The first cause first."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _chain(before)
    yield error


def _home() -> Path:
    try:
        from etl_assets.settings import load_settings

        return load_settings().home
    except Exception:
        return Path(os.environ.get("ETL_HOME") or "var").expanduser().absolute()
