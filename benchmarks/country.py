"""A made-up country for the benchmark of splits: about 520 000 locations with classes as rare as SeasoNet's.

Classes are blobs in a raster of 300 m pixels, of which every patch has 4 x 4; both grids are cut from it. Six classes
cover nearly everything; the others are painted in clusters, the rarest ones in a handful of places. Seasons have images
where smooth random fields say so, as often as in the published dataset.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from seasonet_build.model.classes import N_CLASSES
from seasonet_build.splits.balance import Locations

PATCH = 4
"""Raster pixels along a patch: 300 m each."""

PIXELS = 900
"""10 m pixels of a raster pixel."""

SEASON_SHARES = (0.886, 0.927, 0.963, 0.421, 0.191)
"""Locations with an image in spring, summer, fall, winter and snow, of 519 547 (published sizes)."""

_COMMON = {12: 36.0, 17: 17.0, 15: 15.0, 16: 9.0, 2: 8.0, 18: 7.0}
"""Label -> share of the area, percent."""

_RARE = {
    **{33: 2.5, 3: 1.2, 21: 0.8, 30: 0.9, 11: 0.45, 13: 0.35, 14: 0.3, 20: 0.3, 7: 0.25, 29: 0.25, 26: 0.22},
    **{28: 0.6, 25: 0.1, 19: 0.4, 6: 0.1, 10: 0.12, 27: 0.06, 5: 0.04, 32: 0.15, 8: 0.04, 9: 0.03, 4: 0.12},
    **{22: 0.03, 24: 0.03, 23: 0.02, 1: 0.04, 31: 0.015},
}


@dataclass(frozen=True)
class Country:
    """Locations, and the centre of each in metres on a plane, shape (n, 2)."""

    locations: Locations
    centres: NDArray[np.float64]


def make_country(side: int = 510, seed: int = 1) -> Country:
    """Make a square country of ``side`` x ``side`` patches in each grid."""
    random = np.random.default_rng(seed)
    raster = _classes(side * PATCH + PATCH, random)
    pixels, centres, grids = [], [], []
    for grid, shift in ((1, 0), (2, PATCH // 2)):
        own = raster[shift : shift + side * PATCH, shift : shift + side * PATCH]
        patches = own.reshape(side, PATCH, side, PATCH).swapaxes(1, 2).reshape(side * side, -1)
        pixels.append(np.stack([(patches == k).sum(axis=1) for k in range(1, N_CLASSES + 1)], axis=1) * PIXELS)
        row, col = np.divmod(np.arange(side * side), side)
        centres.append(np.column_stack([col, -row]) * 1200.0 + (600.0 + shift * 300.0) * np.array([1, -1]))
        grids.append(np.full(side * side, grid, dtype=np.int8))
    counts, places = np.concatenate(pixels).astype(np.int32), np.concatenate(centres)
    images = _seasons(places, random)
    images[~images.any(axis=1), 2] = True
    extra = np.zeros((len(counts), 0), dtype=np.float32)
    return Country(Locations(np.concatenate(grids), counts > 0, counts, images, extra), places)


def _classes(size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return a raster of labels."""
    best = np.full((size, size), -np.inf, dtype=np.float32)
    raster = np.zeros((size, size), dtype=np.uint8)
    for label, share in _COMMON.items():
        score = _field(size, 3, random) + 0.7 * _field(size, 25, random) + np.float32(0.9 * np.log(share / 10))
        raster[score > best] = label
        best = np.maximum(best, score)
    for label, share in _RARE.items():
        # The rarer a class, the fewer regions of the country it lives in.
        region = _field(size, 60, random)
        detail = _field(size, 1.5, random)
        lives = region > np.quantile(region, max(0.0, 1 - 8 * share**0.7 / 10 - 0.01))
        score = np.where(lives, detail, -np.inf)
        n = int(share / 100 * size * size)
        raster[score >= np.partition(score.ravel(), -n)[-n]] = label
    return raster


def _field(size: int, sigma: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Return a smooth random field with mean 0 and standard deviation 1."""
    noise = gaussian_filter(random.standard_normal((size, size), dtype=np.float32), sigma, mode="wrap")
    field: NDArray[np.float32] = noise / noise.std()
    return field


def _seasons(centres: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.bool_]:
    """Return which season sets have an image of each location."""
    cells = ((centres - centres.min(axis=0)) // 1200).astype(int)
    size = int(cells.max()) + 1
    found = []
    for share in SEASON_SHARES:
        field = _field(size, 8, random) + 0.5 * random.standard_normal((size, size), dtype=np.float32)
        found.append((field < np.quantile(field, share))[cells[:, 1], cells[:, 0]])
    return np.stack(found, axis=1)
