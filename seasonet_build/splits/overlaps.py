"""Which patches overlap or touch each other on the ground, whatever UTM zone each lies in.

Candidates come from a k-d tree over the centres in EPSG:3035. In one zone both patches are aligned with the axes, so
that whole numbers decide; across zones the outlines are intersected.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.spatial import cKDTree

from seasonet_build.model.grid import HALF_M, PATCH_M

EPSG = 3035
"""ETRS89 / LAEA Europe."""

_REACH_M = 1720.0
"""No two patches touch whose centres are farther apart: the diagonal, and what the projection stretches."""

_SLIVER_M2 = 1.0
_GAP_M = 0.5
"""Across zones, outlines are straight lines between corners: such differences are none."""

Ints = NDArray[np.int64]
Points = NDArray[np.float64]


@cache
def _to_plane(epsg: int) -> Transformer:
    return Transformer.from_crs(epsg, EPSG, always_xy=True)


@dataclass(frozen=True)
class Places:
    """Where patches lie: EPSG code of the UTM zone and upper-left corner in whole metres, arrays of length n."""

    epsg: Ints
    x: Ints
    y: Ints

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.x)

    def centres(self) -> Points:
        """Return the centres in EPSG:3035, shape (n, 2)."""
        return self._moved(self.x + HALF_M, self.y - HALF_M, np.arange(len(self)))

    def outlines(self, members: Ints) -> NDArray[np.object_]:
        """Return the outlines of some patches in EPSG:3035."""
        x, y = self.x[members], self.y[members]
        corners = [(0, 0), (PATCH_M, 0), (PATCH_M, -PATCH_M), (0, -PATCH_M)]
        rings = np.stack([self._moved(x + dx, y + dy, members) for dx, dy in corners], axis=1)
        return np.asarray(shapely.polygons(rings), dtype=object)

    def _moved(self, x: Ints, y: Ints, members: Ints) -> Points:
        moved = np.empty((len(x), 2))
        for epsg in np.unique(self.epsg[members]):
            own = self.epsg[members] == epsg
            moved[own] = np.column_stack(_to_plane(int(epsg)).transform(x[own], y[own]))
        return moved


@dataclass(frozen=True)
class Pairs:
    """Pairs of patches, each once, the smaller position first, shape (m, 2), and whether they overlap, shape (m,).

    Those that do not overlap touch, if only at a corner.
    """

    members: Ints
    overlap: NDArray[np.bool_]


def find_pairs(places: Places) -> Pairs:
    """Return all pairs of patches that overlap or touch."""
    if len(places) < 2:
        return Pairs(np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=bool))
    candidates = cKDTree(places.centres()).query_pairs(_REACH_M, output_type="ndarray").astype(np.int64)
    one, other = candidates.T
    same_zone = places.epsg[one] == places.epsg[other]
    away = np.maximum(abs(places.x[one] - places.x[other]), abs(places.y[one] - places.y[other]))
    overlap, touch = same_zone & (away < PATCH_M), same_zone & (away == PATCH_M)
    across = np.flatnonzero(~same_zone)
    if len(across):
        first, second = places.outlines(one[across]), places.outlines(other[across])
        overlap[across] = shapely.area(shapely.intersection(first, second)) > _SLIVER_M2
        touch[across] = ~overlap[across] & (shapely.distance(first, second) < _GAP_M)
    related = np.flatnonzero(overlap | touch)
    related = related[np.lexsort((other[related], one[related]))]
    return Pairs(candidates[related], overlap[related])
