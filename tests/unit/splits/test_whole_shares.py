"""Whole numbers from shares."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.splits.shares import whole_shares
from tests.unit.helpers import modest

share_lists = (
    st.lists(st.integers(0, 100), min_size=3, max_size=3)
    .filter(any)
    .map(lambda parts: [Fraction(part, sum(parts)) for part in parts])
)


@modest
@given(st.integers(0, 5000), share_lists)
def test_whole_shares_are_the_largest_remainders(total, shares):
    counts = whole_shares(total, [float(share) for share in shares])
    assert sum(counts) == total
    remainders = [total * share - total * share // 1 for share in shares]
    raised = [count - total * share // 1 for count, share in zip(counts, shares, strict=True)]
    assert set(raised) <= {0, 1}
    # None is rounded down that has more left than one that is rounded up, but for ties.
    ups = [remainder for remainder, up in zip(remainders, raised, strict=True) if up]
    downs = [remainder for remainder, up in zip(remainders, raised, strict=True) if not up]
    if ups and downs:
        assert max(downs) <= min(ups) + Fraction(1, 10**6)


@pytest.mark.parametrize(
    ("total", "shares", "counts"),
    [
        (100, [0.7, 0.1, 0.2], [70, 10, 20]),
        (9, [0.7, 0.1, 0.2], [6, 1, 2]),
        (1, [0.7, 0.1, 0.2], [1, 0, 0]),
        (0, [0.7, 0.1, 0.2], [0, 0, 0]),
        (7, [1.0, 0.0, 0.0], [7, 0, 0]),
        (7, [0.0, 0.0, 1.0], [0, 0, 7]),
        (10, [1 / 3, 1 / 3, 1 / 3], [4, 3, 3]),
        (260_425, [0.7, 0.1, 0.2], [182_298, 26_042, 52_085]),
    ],
)
def test_whole_shares(total, shares, counts):
    assert whole_shares(total, shares) == counts
