"""How much of one split can be seen in another: patches that overlap or touch, and distances."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from seasonet_build.model.layout import SPLITS
from seasonet_build.splits.balance import Sides
from seasonet_build.splits.overlaps import Pairs, Places

RELATIONS = (("test", "train"), ("val", "train"), ("test", "val"))
PERCENTILES = (0, 5, 25, 50, 75, 95, 100)


def leakage(sides: Sides, pairs: Pairs, places: Places) -> dict[str, Any]:
    """Return, for each pair of splits, the shares of the first one's patches that overlap or touch the second.

    Percent of locations; a patch that overlaps one and touches another counts as both. Also the distance in metres
    between centres from a test patch to the nearest train patch, as percentiles.
    """
    result: dict[str, Any] = {}
    for name, other_name in RELATIONS:
        side, other = SPLITS.index(name), SPLITS.index(other_name)
        result[f"{name}_{other_name}"] = {
            "overlap_pct": _share_related(sides, pairs.members[pairs.overlap], side, other),
            "touch_pct": _share_related(sides, pairs.members[~pairs.overlap], side, other),
        }
    result["test_to_train_m"] = _distances(sides, places)
    return result


def _share_related(sides: Sides, members: NDArray[np.int64], side: int, other: int) -> float:
    related = np.zeros(len(sides), dtype=bool)
    for one, two in (members.T, members.T[::-1]):
        related[one[(sides[one] == side) & (sides[two] == other)]] = True
    n = int((sides == side).sum())
    return round(100 * int(related.sum()) / n, 4) if n else 0.0


def _distances(sides: Sides, places: Places) -> dict[str, float]:
    centres = places.centres()
    test, train = (centres[sides == SPLITS.index(name)] for name in ("test", "train"))
    if not len(test) or not len(train):
        return {}
    away, _ = cKDTree(train).query(test)
    return {f"p{p}": round(float(np.percentile(away, p)), 1) for p in PERCENTILES}
