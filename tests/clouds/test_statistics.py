"""Bounds, thresholds and curves against their definitions, computed with whole numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from seasonet_build.clouds.statistics import (
    average_precision,
    further_needed,
    highest_threshold,
    lower_bound,
    precision_recall,
    upper_bound,
)
from tests.unit.helpers import modest

RISK = Fraction(5, 100)
RECALLS = [Fraction(text) for text in ("0.5", "0.8", "0.9", "0.95", "0.97")]


def at_least(caught: int, n: int, share: Fraction) -> Fraction:
    """The probability of catching so many or more."""
    return sum((math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(caught, n + 1)), Fraction(0))


@st.composite
def caught_of(draw: st.DrawFn, least: int = 0) -> tuple[int, int]:
    n = draw(st.integers(least, 60))
    return draw(st.integers(0, n)), n


@given(caught_of(least=1))
@modest
def test_the_bounds_are_where_the_binomial_leaves_five_percent(counts: tuple[int, int]) -> None:
    caught, n = counts
    low, high = lower_bound(caught, n), upper_bound(caught, n)
    assert 0 <= low <= caught / n <= high <= 1
    step = Fraction(1, 10**9)
    if caught:
        below, above = (at_least(caught, n, Fraction(low) + s) for s in (-step, step))
        assert below < RISK < above
    if caught < n:
        # Catching that few or fewer is missing as many as that or more.
        below, above = (at_least(n - caught, n, 1 - Fraction(high) + s) for s in (-step, step))
        assert below < RISK < above


@pytest.mark.parametrize(("caught", "n", "low", "high"), [(0, 0, 0.0, 1.0), (0, 5, 0.0, None), (5, 5, None, 1.0)])
def test_bounds_at_the_ends(caught: int, n: int, low: float | None, high: float | None) -> None:
    if low is not None:
        assert lower_bound(caught, n) == low
    if high is not None:
        assert upper_bound(caught, n) == high


def test_no_miss_in_299_shows_99_percent_and_no_miss_in_298_does_not() -> None:
    share = Fraction("0.99")
    assert at_least(299, 299, share) <= RISK < at_least(298, 298, share)
    assert lower_bound(299, 299) >= 0.99 > lower_bound(298, 298)
    assert [further_needed(n, n, share) for n in (0, 100, 298, 299, 300)] == [299, 199, 1, 0, 0]


@given(caught_of(), st.sampled_from(RECALLS))
@modest
def test_further_needed_is_the_fewest_that_do(counts: tuple[int, int], recall: Fraction) -> None:
    caught, n = counts
    further = further_needed(caught, n, recall)
    if further > 400:  # whole numbers would take long
        assert lower_bound(caught + further, n + further) >= recall > lower_bound(caught + further - 1, n + further - 1)
        return
    assert n + further > 0
    assert at_least(caught + further, n + further, recall) <= RISK
    if further:
        assert at_least(caught + further - 1, n + further - 1, recall) > RISK


@given(
    st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-5, 5)), min_size=1, max_size=40),
    st.integers(1, 1000).map(lambda k: Fraction(k, 1000)),
)
@modest
def test_the_threshold_is_the_highest_that_catches_enough(values: list[float], recall: Fraction) -> None:
    threshold = highest_threshold(np.array(values), recall)

    def share(limit: float) -> Fraction:
        return Fraction(sum(value >= limit for value in values), len(values))

    assert share(threshold) >= recall
    assert share(math.nextafter(threshold, math.inf)) < recall


def test_a_recall_in_decimals_is_not_rounded() -> None:
    # As floats, 0.07 * 100 is more than 7, so that an eighth patch would be asked for.
    assert highest_threshold(np.arange(100.0), Fraction("0.07")) == 93.0


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=50))
@modest
def test_average_precision_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores, cloudy = np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows])
    if not cloudy.any():
        assert average_precision(scores, cloudy) is None
        return
    assert average_precision(scores, cloudy) == pytest.approx(average_precision_score(cloudy, scores), abs=1e-12)
    recall, precision = precision_recall(scores, cloudy)
    for i, limit in enumerate(sorted({*scores.tolist()}, reverse=True)):
        found = scores >= limit
        assert recall[i] == np.count_nonzero(found & cloudy) / np.count_nonzero(cloudy)
        assert precision[i] == np.count_nonzero(found & cloudy) / np.count_nonzero(found)
