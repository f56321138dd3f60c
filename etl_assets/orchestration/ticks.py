"""Ticks in which a sensor found nothing to do: Dagster keeps each for a day or more, which is too long."""

from __future__ import annotations

from datetime import datetime, timedelta

from dagster import DagsterInstance

KEPT = timedelta(hours=1)
"""At two looks a minute a day's ticks are 4 MB for each dataset, and they all say the same."""

EVERY_MINUTES = 10


def forget_idle_ticks(instance: DagsterInstance, sensor: str, now: datetime) -> None:
    """Delete a sensor's skipped ticks that are older than an hour; every ten minutes is often enough.

    Dagster's own `retention` counts in whole days. Ticks that started runs or failed are left to it.
    """
    if now.minute % EVERY_MINUTES:
        return
    before = (now - KEPT).timestamp()
    for state in instance.all_instigator_state():
        if state.instigator_name == sensor:
            origin, selector = state.instigator_origin_id, state.selector_id
            newest = instance.get_ticks(origin, selector, before=before, limit=1)
            skipped = [tick.status for tick in newest if tick.status.value == "SKIPPED"]
            if skipped:
                instance.purge_ticks(origin, selector, before=before, tick_statuses=skipped)
