"""Whole numbers from shares."""

from collections.abc import Sequence


def whole_shares(total: int, shares: Sequence[float]) -> list[int]:
    """Return whole numbers that add up to ``total``, each the share's part rounded down or up (largest remainder)."""
    exact = [total * share for share in shares]
    # Tiny errors of binary fractions must not turn 70 of 100 into 69.
    counts = [int(part + 1e-9) for part in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts
