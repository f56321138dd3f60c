"""The gate: may this period of a table be published?"""

from __future__ import annotations

from etl_assets.quality.outcome import PeriodOutcome


def closed_because(outcome: PeriodOutcome, tolerance: float, *, breach: str | None = None) -> str | None:
    """Say why the gate is closed for one period, or None where it is open.

    The gate closes on a structural breach, on rows that do not add up, on a quarantined share above
    the tolerance, and on an aggregate rule of severity `error` that does not hold.

    Args:
        outcome: What the validation found.
        tolerance: Share of the rows, 0..1, that may be quarantined; a share equal to it passes.
        breach: The structural breach, if there is one.
    """
    if breach:
        return breach
    if not outcome.adds_up:
        return (
            f"rows do not add up: {outcome.rows_in} in, {outcome.accepted} accepted, "
            f"{outcome.quarantined} quarantined, {outcome.duplicates} duplicates"
        )
    if outcome.quarantined_share > tolerance:
        return (
            f"{outcome.quarantined} of {outcome.rows_in} rows ({outcome.quarantined_share:.1%}) are "
            f"quarantined, {tolerance:.1%} are tolerated"
        )
    if outcome.broken_aggregates:
        return f"aggregate rules do not hold: {', '.join(outcome.broken_aggregates)}"
    return None
