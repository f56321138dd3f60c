"""The whole graph: datasets, settings and automation become Dagster definitions."""

from __future__ import annotations

import dagster as dg

from etl_assets.orchestration.build import build_definitions
from etl_assets.project import open_project

project = open_project()

defs: dg.Definitions = build_definitions(project.settings, project.datasets, project.failures)
