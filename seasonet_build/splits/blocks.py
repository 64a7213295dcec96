"""The leakage-safe kind of split: blocks of ground are dealt whole, over both grids, and borders are cleared.

A block is a square of the plane of EPSG:3035; a patch belongs to the block that its centre lies in. Blocks are dealt by
simulated annealing, so that classes, season sets and sizes keep their shares and neighbours stay together. Patches that
still overlap one of another side are set aside: of train for val and test, of val for test.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seasonet_build.splits.balance import NO_SIDE, Columns, Floats, Locations, Sides, balance_columns, side_sums
from seasonet_build.splits.overlaps import Pairs

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Annealing:
    """How blocks are dealt.

    Attributes:
        steps: moves that are tried for each block.
        start: temperature at first, in units of the squared deviation; it falls to a thousandth.
        border: cost of all neighbours being on different sides, in the same units.
    """

    steps: int = 240
    start: float = 5e-2
    border: float = 6.0


def block_of(centres: NDArray[np.float64], size_m: float) -> Ints:
    """Return for each centre, shape (n, 2), the position of its block, shape (n,), blocks sorted by column and row."""
    cells = np.floor(centres / size_m).astype(np.int64)
    _, blocks = np.unique(cells, axis=0, return_inverse=True)
    return blocks.reshape(-1)


def split_by_blocks(
    locations: Locations,
    centres: NDArray[np.float64],
    shares: Sequence[float],
    seed: int,
    size_m: float = 12_000.0,
    kept: Sides | None = None,
    annealing: Annealing = Annealing(),
) -> Sides:
    """Return the side of each location, that of its block; borders are not cleared yet.

    Args:
        locations: in their own order.
        centres: in metres on a plane, shape (n, 2).
        shares: share of each side, adding up to 1.
        seed: seed of all random choices.
        size_m: side of a block, metres.
        kept: sides that are to stay, NO_SIDE where there is none; a block with any of them is on that side.
        annealing: how blocks are dealt.
    """
    if not len(locations):
        return np.zeros(0, dtype=np.int8)
    cells = np.floor(centres / size_m).astype(np.int64)
    places, blocks = np.unique(cells, axis=0, return_inverse=True)
    blocks = blocks.reshape(-1)
    sums = _block_sums(balance_columns(locations), blocks, len(places))
    fixed = _fixed_sides(kept, blocks, len(places), len(shares))
    annealer = _Annealer(sums, _neighbours(places), shares, fixed, np.random.default_rng([seed, len(places)]))
    sides: Sides = annealer.run(annealing)[blocks]
    return sides


def clear_borders(sides: Sides, pairs: Pairs, buffer: int, kept: Sides | None = None) -> Sides:
    """Return the sides with patches set aside (NO_SIDE), so that no two of different sides overlap.

    With ``buffer`` 1 no two of them touch either. The lower position gives way: val to test, train to test and what is
    left of val. New patches give way to ``kept`` ones before, whatever their sides.
    """
    cleared = sides.copy()
    near = pairs.members if buffer else pairs.members[pairs.overlap]
    directions = (near.T, near.T[::-1])
    if kept is not None:
        for one, other in directions:
            gives_way = (kept[one] == NO_SIDE) & (kept[other] != NO_SIDE) & (cleared[one] != cleared[other])
            cleared[one[gives_way]] = NO_SIDE
    for giving in reversed(range(int(sides.max(initial=0)))):
        for one, other in directions:
            gives_way = (cleared[one] == giving) & (cleared[other] > giving)
            cleared[one[gives_way]] = NO_SIDE
    return cleared


def _block_sums(columns: Columns, blocks: Ints, n: int) -> Floats:
    """Return the sum of each column over each block, shape (n, columns)."""
    sums = [np.bincount(blocks, columns[:, j], n) for j in range(columns.shape[1])]
    return np.stack(sums, axis=1)


def _fixed_sides(kept: Sides | None, blocks: Ints, n: int, n_sides: int) -> Sides:
    """Return for each block the side that most of its locations are to keep, NO_SIDE for none."""
    if kept is None:
        return np.full(n, NO_SIDE, dtype=np.int8)
    counts = np.stack([np.bincount(blocks[kept == side], minlength=n) for side in range(n_sides)])
    fixed: Sides = np.where(counts.any(axis=0), counts.argmax(axis=0), NO_SIDE).astype(np.int8)
    return fixed


def _neighbours(places: Ints) -> list[list[int]]:
    """Return for each block the positions of the blocks that share an edge with it."""
    position = {(int(x), int(y)): i for i, (x, y) in enumerate(places)}
    steps = ((1, 0), (-1, 0), (0, 1), (0, -1))
    return [[position[x + dx, y + dy] for dx, dy in steps if (x + dx, y + dy) in position] for x, y in position]


class _Annealer:
    """Deals blocks: the cost is the squared deviation from the shares and the border between sides."""

    def __init__(
        self,
        sums: Floats,
        neighbours: list[list[int]],
        shares: Sequence[float],
        fixed: Sides,
        random: np.random.Generator,
    ) -> None:
        self._sums, self._neighbours, self._random = sums, neighbours, random
        self._n_sides = len(shares)
        self._used = [side for side, share in enumerate(shares) if share > 0]
        self._weights = (1 / np.maximum(np.asarray(shares), 1e-3) ** 2).tolist()
        self._squares = np.einsum("ij,ij->i", sums, sums).tolist()
        drawn = self._random.choice(self._n_sides, size=len(sums), p=shares)
        self._sides = np.where(fixed == NO_SIDE, drawn, fixed).astype(np.int8)
        self._free = np.flatnonzero(fixed == NO_SIDE)
        self._target = np.asarray(shares)[:, np.newaxis] * sums.sum(axis=0)

    def run(self, annealing: Annealing) -> Sides:
        """Return the side of each block."""
        steps = annealing.steps * len(self._free)
        if not steps or len(self._used) < 2:
            return self._sides
        off = list(side_sums(self._sums.astype(np.float64), self._sides, self._n_sides) - self._target)
        sides: list[int] = self._sides.tolist()
        blocks = self._random.choice(self._free, size=steps).tolist()
        moves = self._random.integers(1, len(self._used), size=steps).tolist()
        # Blocks may be kept on a side that has no share any more, but are not free then.
        rank = {side: position for position, side in enumerate(self._used)}
        thresholds = (-np.log(self._random.random(steps))).tolist()
        border = annealing.border / max(1, sum(map(len, self._neighbours)))
        cooling = math.log(1e-3) / steps
        for step in range(steps):
            block = blocks[step]
            old = sides[block]
            new = self._used[(rank[old] + moves[step]) % len(self._used)]
            own = self._sums[block]
            change = self._weights[new] * (2 * float(off[new] @ own) + self._squares[block])
            change += self._weights[old] * (-2 * float(off[old] @ own) + self._squares[block])
            around = [sides[other] for other in self._neighbours[block]]
            change += 2 * border * (around.count(old) - around.count(new))
            if change < annealing.start * math.exp(cooling * step) * thresholds[step]:
                sides[block] = new
                off[old] = off[old] - own
                off[new] = off[new] + own
        return np.array(sides, dtype=np.int8)
