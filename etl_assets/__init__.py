"""etl_assets: validated, accounted-for tables from data that others deliver, as Dagster assets."""
