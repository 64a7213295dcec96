"""The official kind of split: 70/10/20 of each grid's locations, class distribution nearly that of the whole.

Locations are sorted so that alike ones are neighbours, dealt out by a fixed pattern, and then pairs on different sides
are swapped as long as that brings sums nearer to their targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seasonet_build.splits.balance import NO_SIDE, Columns, Floats, Locations, Sides, balance_columns, side_sums
from seasonet_build.splits.shares import whole_shares

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Effort:
    """How long to swap: rounds, pairs that are drawn in a round, and how many of them are applied at first."""

    rounds: int = 150
    pairs: int = 20_000
    apply: int = 1_000


def split_officially(
    locations: Locations, shares: Sequence[float], seed: int, kept: Sides | None = None, effort: Effort = Effort()
) -> Sides:
    """Return the side of each location.

    Args:
        locations: in their own order, so that nothing depends on the order of rows.
        shares: share of each side, adding up to 1.
        seed: seed of all random choices.
        kept: sides that are to stay, NO_SIDE where there is none; None: none are.
        effort: how long to swap.

    Returns:
        Shape (n,); each grid's locations are dealt by the shares to the nearest whole number, so far as those that
        stay leave room for it.
    """
    sides = np.full(len(locations), NO_SIDE, dtype=np.int8) if kept is None else kept.astype(np.int8)
    for grid in np.unique(locations.grid):
        members = np.flatnonzero(locations.grid == grid)
        random = np.random.default_rng([seed, int(grid)])
        sides[members] = _split_grid(locations.take(members), sides[members], shares, random, effort)
    return sides


def _split_grid(
    locations: Locations, kept: Sides, shares: Sequence[float], random: np.random.Generator, effort: Effort
) -> Sides:
    sides, free = kept.copy(), np.flatnonzero(kept == NO_SIDE)
    order = free[_alike_order(locations.take(free), random)]
    sides[order] = _pattern(_missing(kept, shares))
    columns = balance_columns(locations)
    _Swapper(columns, sides, free, _rarity(locations), shares, random).run(effort)
    return sides


def _missing(kept: Sides, shares: Sequence[float]) -> list[int]:
    """Return how many free locations each side gets, so that with those that stay it has its share if possible."""
    n_free, present = int((kept == NO_SIDE).sum()), [int((kept == side).sum()) for side in range(len(shares))]
    wanted = [max(0, target - have) for target, have in zip(whole_shares(len(kept), shares), present, strict=True)]
    if sum(wanted) == n_free or sum(wanted) == 0:
        return wanted if sum(wanted) == n_free else whole_shares(n_free, shares)
    return whole_shares(n_free, [part / sum(wanted) for part in wanted])


def _pattern(counts: Sequence[int]) -> Sides:
    """Return sides in an order in which each comes as evenly as it can, so often as ``counts`` says."""
    moments = np.concatenate([(np.arange(count) + 0.5) / max(count, 1) for count in counts])
    sides = np.repeat(np.arange(len(counts), dtype=np.int8), counts)
    evenly: Sides = sides[np.argsort(moments, kind="stable")]
    return evenly


def _class_order(locations: Locations) -> Ints:
    """Return the classes from the one that most images show to the rarest."""
    images = (locations.n_images[:, np.newaxis] * locations.has_class).sum(axis=0)
    return np.argsort(-images, kind="stable")


def _alike_order(locations: Locations, random: np.random.Generator) -> Ints:
    """Return an order in which alike locations are neighbours.

    By the set of classes (rarest class most significant), the season sets, the pixels of the rarest class, and a random
    number.
    """
    by_frequency = _class_order(locations)
    weights = np.zeros(locations.has_class.shape[1], dtype=np.uint64)
    weights[by_frequency] = np.uint64(1) << np.arange(len(weights), dtype=np.uint64)
    label_sets = locations.has_class @ weights
    season_sets = locations.images @ (1 << np.arange(locations.images.shape[1]))
    n = np.arange(len(locations))
    rarest = by_frequency[len(by_frequency) - 1 - locations.has_class[:, by_frequency[::-1]].argmax(axis=1)]
    return np.lexsort((random.random(len(locations)), locations.pixels[n, rarest], season_sets, label_sets))


def _rarity(locations: Locations) -> Floats:
    """Return for each location how rare its rarest class is: the share of images that do not show it."""
    images = (locations.n_images[:, np.newaxis] * locations.has_class).sum(axis=0)
    shares = 1 - images / max(1, locations.n_images.sum())
    rarest: Floats = np.where(locations.has_class, shares, 0).max(axis=1, initial=0)
    return rarest


class _Swapper:
    """Swaps pairs of locations that are on different sides, where that lowers the squared deviation."""

    def __init__(
        self,
        columns: Columns,
        sides: Sides,
        free: Ints,
        rarity: Floats,
        shares: Sequence[float],
        random: np.random.Generator,
    ) -> None:
        self._columns, self._sides, self._free, self._random = columns, sides, free, random
        self._rare = free[np.argsort(-rarity[free], kind="stable")[: len(free) // 5]]
        self._weights = 1 / np.maximum(np.asarray(shares), 1e-3) ** 2
        target = np.asarray(shares)[:, np.newaxis] * columns.sum(axis=0, dtype=np.float64)
        self._off: Floats = side_sums(columns, sides, len(shares)) - target

    def run(self, effort: Effort) -> None:
        """Swap; ``sides`` is changed in place."""
        apply = effort.apply
        for number in range(effort.rounds):
            source = self._rare if number % 2 else self._free
            one, other = self._draw(source, effort.pairs)
            if len(one) == 0:
                continue
            change = self._columns[other] - self._columns[one]
            gain = self._score(one, other, change)
            best = np.argsort(gain, kind="stable")[: min(apply, int((gain < 0).sum()))]
            apply = max(1, self._apply_best(one, other, change, best, apply))

    def _draw(self, source: Ints, pairs: int) -> tuple[Ints, Ints]:
        """Draw disjoint pairs on different sides: one of ``source``, the other of all."""
        one = self._random.permutation(source)[: min(pairs, len(self._free) // 2)]
        taken = np.zeros(len(self._sides), dtype=bool)
        taken[one] = True
        rest = self._free[~taken[self._free]]
        other = self._random.permutation(rest)[: len(one)]
        differ = self._sides[one] != self._sides[other]
        return one[differ], other[differ]

    def _score(self, one: Ints, other: Ints, change: Columns) -> Floats:
        """Return by how much each swap alone would change the squared deviation."""
        # Moving d to side s adds w_s (2 off_s . d + d . d).
        towards = change @ (self._off * self._weights[:, np.newaxis]).T.astype(np.float32)
        n, a, b = np.arange(len(one)), self._sides[one], self._sides[other]
        squares = np.einsum("ij,ij->i", change, change)
        gain: Floats = 2 * (towards[n, a] - towards[n, b]) + (self._weights[a] + self._weights[b]) * squares
        return gain

    def _apply_best(self, one: Ints, other: Ints, change: Columns, best: Ints, apply: int) -> int:
        """Apply as many of the best swaps as together lower the deviation; return how many to try the next time."""
        before = self._total(self._off)
        while len(best):
            off = self._off.copy()
            a, b = self._sides[one[best]], self._sides[other[best]]
            np.add.at(off, a, change[best])
            np.subtract.at(off, b, change[best])
            if self._total(off) < before:
                self._off = off
                self._sides[one[best]], self._sides[other[best]] = b, a
                return 2 * len(best)
            best = best[: len(best) // 2]
        return max(1, apply // 2)

    def _total(self, off: Floats) -> float:
        return float((self._weights[:, np.newaxis] * off**2).sum())
