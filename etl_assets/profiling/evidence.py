"""The statistics by which a rule is told from noise."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054


def wilson_lower_bound(successes: int, trials: int) -> float:
    """Return the lower end of the 95 % Wilson interval of a share; 0 when nothing was tried."""
    if trials <= 0:
        return 0.0
    share = successes / trials
    z2 = Z_95 * Z_95
    centre = share + z2 / (2 * trials)
    margin = Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    return max(0.0, (centre - margin) / (1 + z2 / trials))


def log_tail(successes: int, trials: int, chance: float) -> float:
    """Bound the logarithm of the probability of so many successes or more by mere chance (Chernoff)."""
    if trials <= 0 or successes <= chance * trials:
        return 0.0
    if chance <= 0:
        return -math.inf
    share = successes / trials
    distance = share * math.log(share / chance)
    if share < 1:
        distance += (1 - share) * math.log((1 - share) / (1 - chance))
    return -trials * distance


def significant(successes: int, trials: int, chance: float, hypotheses: int) -> bool:
    """Tell whether so many successes are no accident, among so many hypotheses (Bonferroni, 1 %)."""
    return log_tail(successes, trials, chance) < math.log(0.01 / max(hypotheses, 1))
