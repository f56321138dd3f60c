from __future__ import annotations

from etl_assets_tests.orchestration.fixtures import dagster_template, house, make_house

__all__ = ["dagster_template", "house", "make_house"]
