"""The whole graph: datasets, settings and automation become Dagster definitions."""

from __future__ import annotations

import dagster as dg

from etl_assets import logs
from etl_assets.datasets import load_datasets
from etl_assets.orchestration.build import build_definitions
from etl_assets.orchestration.pipelines import check_settings
from etl_assets.settings import load_settings

settings = load_settings()
logs.configure(settings.log.format, settings.log.level, secrets=settings.secrets)

datasets = load_datasets(settings.datasets).datasets
check_settings(settings, datasets)

defs: dg.Definitions = build_definitions(settings, datasets)
