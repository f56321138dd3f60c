"""The whole graph: datasets, settings and automation become Dagster definitions."""

from __future__ import annotations

import os

from etl_assets.settings import load_settings
from etl_assets.settings.secrets import export_secrets
from etl_assets.threads import share_out_threads

# Before anything imports Polars, which looks at the number of its threads then and never again. The processes
# of runs and steps inherit it, and the variables that Dagster's resources read.
concurrency = load_settings().concurrency
share_out_threads(concurrency.processes_per_machine, concurrency.polars_threads)
export_secrets(os.environ)

import dagster as dg  # noqa: E402

from etl_assets.orchestration.build import build_definitions  # noqa: E402
from etl_assets.project import open_project  # noqa: E402

project = open_project()

defs: dg.Definitions = build_definitions(project.settings, project.datasets, project.failures)
