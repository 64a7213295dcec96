"""A search for sides of dates and tiles that keep many patches. It sees counts only, nothing of what patches look like.

A patch is kept if its date and its tile are on one side. All numbers are whole, though held as floats, so that sums are
exact in any order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Sides = NDArray[np.int64]

TRAIN, CALIBRATION, TEST = range(3)
SHARES = np.array([0.6, 0.2, 0.2])
"""Of all patches, what each side should get."""

_WEIGHTS = np.array([[2.0, 4.0], [1.0, 4.0], [1.0, 5.0]])
"""How much clear and cloudy patches of each side count: the figures rest on the cloudy ones of test most."""

_BEYOND = 0.01  # a kept patch is worth something beyond the target as well
_CAPS = (1.0, 0.4, 0.2, 0.1)
_STARTS = 4  # for each cap, and as many at random
_KICKS = 40
_LEAST = 1e-9


@dataclass(frozen=True)
class Counts:
    """How many patches each date has in each tile, shape (2, 2, dates, tiles).

    The first axis: what counts in training, what counts elsewhere (uniformly sampled patches only). The second: clear,
    cloudy.
    """

    table: Floats

    def of_side(self, side: int) -> Floats:
        """Return what counts on a side, shape (2, dates, tiles)."""
        part: Floats = self.table[0 if side == TRAIN else 1]
        return part

    def kept(self, dates: Sides, tiles: Sides) -> Floats:
        """Return the number of clear and cloudy patches kept on each side, shape (3, 2)."""
        both = (self.of_side(s)[:, dates == s][:, :, tiles == s].sum(axis=(1, 2)) for s in range(3))
        return np.array([*both])

    def worth(self, kept: Floats) -> Floats:
        """Return what numbers of kept patches are worth, shape (..., 3, 2): the first ones most."""
        totals = self.table.sum(axis=(2, 3))[[0, 1, 1]]
        target = np.maximum(1.0, SHARES[:, np.newaxis] * totals)
        # Where every date has patches in every tile, the square root of what a side keeps is its share of both: only a
        # root above that lets each side get something.
        reached = np.sqrt(np.sqrt(np.minimum(kept / target, 1.0)))
        worth: Floats = _WEIGHTS * (reached + _BEYOND * kept / np.maximum(1.0, totals))
        return worth


def best_sides(counts: Counts, seed: int) -> tuple[Sides, Sides]:
    """Return the side of every date and of every tile: the best of several climbs, the same for the same seed."""
    rng = np.random.default_rng(seed)
    shape = counts.table.shape[2:]
    starts = [_clustered(counts, cap, rng) for cap in _CAPS for _ in range(_STARTS)]
    starts += [(_random_sides(shape[0], rng), _random_sides(shape[1], rng)) for _ in range(_STARTS)]
    best = max((_climb(counts, *start) for start in starts), key=lambda found: found[0])
    for _ in range(_KICKS):
        found = _climb(counts, *(_kicked(sides, rng) for sides in best[1:]))
        best = max(best, found, key=lambda found: found[0])
    return best[1], best[2]


def _random_sides(n: int, rng: np.random.Generator) -> Sides:
    return rng.choice(3, size=n, p=SHARES)


def _kicked(sides: Sides, rng: np.random.Generator) -> Sides:
    """Return sides of which about a tenth are drawn anew."""
    return np.where(rng.random(len(sides)) < 0.1, _random_sides(len(sides), rng), sides)


def _climb(counts: Counts, dates: Sides, tiles: Sides) -> tuple[float, Sides, Sides]:
    """Move single dates and tiles to other sides as long as that helps, the best move first; return the worth too."""
    sides = [dates.copy(), tiles.copy()]
    tables = [np.stack([counts.of_side(s) for s in range(3)])]  # side, class, date, tile
    tables.append(tables[0].swapaxes(2, 3))
    # What each date has in the tiles of each side, and the other way round: side, class, date or tile.
    parts = [np.stack([tables[i][s][:, :, sides[1 - i] == s].sum(axis=2) for s in range(3)]) for i in range(2)]
    kept = counts.kept(*sides)
    while True:
        moves = [_best_move(counts, kept, part, side) for part, side in zip(parts, sides, strict=True)]
        i = 0 if moves[0][0] >= moves[1][0] else 1
        gain, which, to = moves[i]
        if gain <= _LEAST:
            return float(counts.worth(kept).sum()), sides[0], sides[1]
        origin = sides[i][which]
        kept[origin] -= parts[i][origin, :, which]
        kept[to] += parts[i][to, :, which]
        parts[1 - i][origin] -= tables[i][origin, :, which]
        parts[1 - i][to] += tables[i][to, :, which]
        sides[i][which] = to


def _best_move(counts: Counts, kept: Floats, part: Floats, sides: Sides) -> tuple[float, int, int]:
    """Return what the best move of one date (or tile) to another side gains, which it is, and the side."""
    here, each = counts.worth(kept), np.moveaxis(part, 2, 0)  # date, side, class
    without = (counts.worth(np.maximum(kept - each, 0.0)) - here).sum(axis=2)  # elsewhere than here: not looked at
    within = (counts.worth(kept + each) - here).sum(axis=2)
    rows = np.arange(len(sides))
    gains = within + without[rows, sides][:, np.newaxis]
    gains[rows, sides] = 0.0
    which, to = np.unravel_index(int(gains.argmax()), gains.shape)
    return float(gains[which, to]), int(which), int(to)


def _clustered(counts: Counts, cap: float, rng: np.random.Generator) -> tuple[Sides, Sides]:
    """Return sides for clusters of dates and tiles that share patches, none with more than a share ``cap`` of all."""
    n_dates = counts.table.shape[2]
    clusters = _clusters(counts.table[0].sum(axis=0), cap, rng)
    dates, tiles = clusters[:n_dates], clusters[n_dates:]
    d, t = np.nonzero((dates[:, np.newaxis] == tiles) & (counts.table[0].sum(axis=0) > 0))
    inner = np.zeros((clusters.max() + 1, 3, 2))
    for side in range(3):
        np.add.at(inner[:, side], dates[d], counts.of_side(side)[:, d, t].T)
    sides = _random_sides(len(inner), rng)
    kept = np.stack([inner[sides == s, s].sum(axis=0) for s in range(3)])
    for cluster in rng.permutation(len(inner)):
        each, origin = inner[cluster], sides[cluster]
        kept[origin] -= each[origin]
        to = int((counts.worth(kept + each) - counts.worth(kept)).sum(axis=1).argmax())
        kept[to] += each[to]
        sides[cluster] = to
    return sides[dates], sides[tiles]


def _clusters(patches: Floats, cap: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the number of the cluster of each date, then of each tile; those that share many patches come together."""
    n_dates, n_tiles = patches.shape
    d, t = np.nonzero(patches)
    order = np.argsort(-patches[d, t] * rng.uniform(0.5, 1.5, len(d)), kind="stable")
    parent = [*range(n_dates + n_tiles)]
    size = [*patches.sum(axis=1), *np.zeros(n_tiles)]
    most = cap * patches.sum()

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in zip(d[order].tolist(), (t[order] + n_dates).tolist(), strict=True):
        a, b = root(one), root(other)
        if a != b and size[a] + size[b] <= most:
            parent[b] = a
            size[a] += size[b]
    return np.unique([root(node) for node in range(len(parent))], return_inverse=True)[1]
