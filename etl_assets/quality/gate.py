"""The gate: may this period of a table be published?"""

from __future__ import annotations

from collections.abc import Collection

from etl_assets.quality.outcome import PeriodOutcome


def closed_because(
    outcome: PeriodOutcome, tolerance: float, *, breach: str | None = None, waived: Collection[str] = ()
) -> str | None:
    """Say why the gate is closed for one period, or None where it is open.

    The gate closes on a structural breach, on rows that do not add up, on a quarantined share above
    the tolerance, and on an aggregate rule of severity `error` that does not hold.

    Args:
        outcome: What the validation found.
        tolerance: Share of the rows, 0..1, that may be quarantined; a share equal to it passes. Rows that a
            person discarded don't count: it bounds the loss that nobody has looked at. Nor do rows that may
            wait for what they refer to.
        breach: The structural breach, if there is one.
        waived: Aggregate rules that a person waived for this period.
    """
    if breach:
        return breach
    if not outcome.adds_up:
        return (
            f"rows do not add up: {outcome.rows_in} in, {outcome.accepted} accepted, "
            f"{outcome.quarantined} quarantined, {outcome.duplicates} duplicates"
        )
    if outcome.undecided_share > tolerance:
        besides = f", {outcome.discarded} discarded ones not counted" if outcome.discarded else ""
        besides += f", {outcome.waiting} waiting ones not counted" if outcome.waiting else ""
        return (
            f"{outcome.undecided} of {outcome.rows_in} rows ({outcome.undecided_share:.1%}) are "
            f"quarantined{besides}, {tolerance:.1%} are tolerated"
        )
    if broken := [rule for rule in outcome.broken_aggregates if rule not in waived]:
        return f"aggregate rules do not hold: {', '.join(broken)}"
    return None
