"""`dq exec`: run one of Dagster's commands as the settings say."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from etl_assets.cli import context
from etl_assets.cli.problems import WrongUseError, warn_of
from etl_assets.cli.teaching import with_examples
from etl_assets.errors import SettingsError

EXEC_SETTINGS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@with_examples
def exec_(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The command and its words.")],
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Say so at once, and who it is, if somebody listens there."),
    ] = None,
) -> NoReturn:
    """Run a command of Dagster's with what the settings say.

    Writes Dagster's dagster.yaml into DAGSTER_HOME (default: dagster in
    ETL_HOME): the project's own, config/dagster.<ETL_ENVIRONMENT>.yaml or
    dagster.yaml, with the run limit and the launcher of `concurrency`. Gives
    the command the secrets of ETL_SECRETS_DIR as variables, and Polars its
    share of the cores. Then the command takes the place of this process.

    Examples:
      dq exec dagster-daemon run
      dq exec --listen 127.0.0.1:3000 dagster dev -w workspace.yaml
      dq exec dagster instance info
    """
    settings = context.open_settings()
    from etl_assets.orchestration.instance import hand_over, write_instance
    from etl_assets.threads import share_out_threads

    own = settings.concurrency
    share_out_threads(own.processes_per_machine, own.polars_threads)
    home = hand_over(settings, os.environ)
    if not write_instance(settings, home):
        left = SettingsError(
            "it was not written by dq",
            where={"file": home / "dagster.yaml"},
            hint="To have one that follows the settings, remove the file",
        )
        warn_of("dagster.yaml is left as it is", left)
    if listen:
        _require_free(listen)
    # Whoever calls dq by its path need not have the environment activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise WrongUseError(
            f"{command[0]} can't be run: {error.strerror}", hint="Install it, or correct its name"
        ) from None


def _require_free(listen: str) -> None:
    host, _, port = listen.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise WrongUseError("Wrong address", where={"--listen": listen}, hint="HOST:PORT is expected")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]"), int(port)))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise WrongUseError(
                f"Nobody can listen on {listen}: {error.strerror}", hint="Choose another host or port"
            ) from None
        raise WrongUseError(
            f"Port {port} of {host} is in use{_by_whom(int(port))}",
            hint=f"Stop that process, or take another port: make ui PORT={int(port) % 65535 + 1}",
        ) from None


def _by_whom(port: int) -> str:
    import psutil

    try:
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.pid and one.laddr and one.laddr.port == port:
                return f" by process {one.pid} ({psutil.Process(one.pid).name()})"
    except psutil.Error:
        return ""  # not this user's to know
    return ""
