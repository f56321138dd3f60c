"""What mending a text gives: how many good records, the others, and the line of each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from etl_assets.staging.unreadable import Unreadable

Numbers = npt.NDArray[np.int64]


@dataclass
class Mended:
    """What mending gave.

    Attributes:
        rows: Number of good records, the header not counted.
        unreadable: The other records, in order.
        skipped: Lines left out because their record matches `skip_pattern`, or is the header once more.
        gaps: Pairs (record, line): from this record (0-based, header not counted) on, lines are
            consecutive, beginning with this one.
    """

    rows: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)
    gaps: list[tuple[Numbers, Numbers]] = field(default_factory=list)
    skipped: int = 0

    def line_map(self) -> tuple[Numbers, Numbers]:
        """Return the gaps as two arrays."""
        if not self.gaps:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate([gap[0] for gap in self.gaps]), np.concatenate([gap[1] for gap in self.gaps])
