"""How far counts carry a claim, and which threshold catches enough: bounds are exact, thresholds free of rounding."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_RISK = 0.05
"""Of being wrong, of all bounds; they are one-sided."""


def lower_bound(caught: int, n: int) -> float:
    """Return the lower 95 % Clopper-Pearson bound of a share of which ``caught`` of ``n`` were seen; 0 without any."""
    from scipy.special import betaincinv

    if caught == 0:
        return 0.0
    return float(betaincinv(caught, n - caught + 1, _RISK))


def upper_bound(caught: int, n: int) -> float:
    """Return the upper 95 % Clopper-Pearson bound of a share of which ``caught`` of ``n`` were seen; 1 without any."""
    from scipy.special import betaincinv

    if caught == n:
        return 1.0
    return float(betaincinv(caught + 1, n - caught, 1 - _RISK))


def further_needed(caught: int, n: int, recall: Fraction) -> int:
    """Return how many further cloudy patches, all of them caught, take the lower bound to the recall; 0: it is there.

    Args:
        caught: cloudy patches that were caught.
        n: cloudy patches.
        recall: more than 0, less than 1.
    """
    from scipy.special import betainc

    missed = n - caught

    def carries(total: int) -> bool:
        # The bound is at the recall or above if catching so many, or more, is rare where the recall is just that.
        return total > missed and bool(betainc(total - missed, missed + 1, float(recall)) <= _RISK)

    high = max(n, 1)
    while not carries(high):
        high *= 2
    low = n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if carries(middle) else (middle + 1, high)
    return low - n


def highest_threshold(scores: Floats, recall: Fraction) -> float:
    """Return the highest threshold that at least the share ``recall`` of scores reaches.

    Args:
        scores: of cloudy patches, shape (n,), n > 0, none NaN.
        recall: more than 0, at most 1.
    """
    needed = math.ceil(recall * len(scores))
    return float(np.sort(scores)[len(scores) - needed])


def average_precision(scores: Floats, cloudy: Flags) -> float | None:
    """Return the mean of precision over the steps of recall; equal scores are one step. None without cloudy patches."""
    recall, precision = precision_recall(scores, cloudy)
    if not cloudy.any():
        return None
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def precision_recall(scores: Floats, cloudy: Flags) -> tuple[Floats, Floats]:
    """Return recall and precision at each score that occurs, from the highest down, shapes (m,).

    Args:
        scores: shape (n,).
        cloudy: which patches are, shape (n,).
    """
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)  # of those with the same score
    caught = np.cumsum(cloudy[order])[last]
    return caught / max(1, int(np.count_nonzero(cloudy))), caught / (last + 1)
