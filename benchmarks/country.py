"""A made-up country for the benchmark of splits: about 520 000 locations with classes as rare as SeasoNet's.

Classes are blobs in a raster of 300 m pixels, of which every patch has 4 x 4; both grids are cut from it. Six classes
cover nearly everything; the others are painted in clusters, the rarest ones in a handful of places. Seasons have images
where smooth random fields say so, as often as in the published dataset.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from seasonet_build.model.classes import N_CLASSES
from seasonet_build.splits.balance import Locations
from seasonet_build.splits.overlaps import Places

PATCH = 4
"""Raster pixels along a patch: 300 m each."""

PIXELS = 900
"""10 m pixels of a raster pixel."""

EPSG = 32632
WEST_M, NORTH_M = 250_000, 5_900_000
"""Corner of the country."""

SEASON_SHARES = (0.886, 0.927, 0.963, 0.421, 0.191)
"""Locations with an image in spring, summer, fall, winter and snow, of 519 547 (published sizes)."""

_COMMON = {12: 36.0, 17: 17.0, 15: 15.0, 16: 9.0, 2: 8.0, 18: 7.0}
"""Label -> share of the area, percent."""

_RARE = {
    **{33: 2.5, 3: 1.2, 21: 0.8, 30: 0.9, 11: 0.45, 13: 0.35, 14: 0.3, 20: 0.3, 7: 0.25, 29: 0.25, 26: 0.22},
    **{28: 0.6, 25: 0.1, 19: 0.4, 6: 0.1, 10: 0.12, 27: 0.06, 5: 0.04, 32: 0.15, 8: 0.04, 9: 0.03, 4: 0.12},
    **{22: 0.03, 24: 0.03, 23: 0.02, 1: 0.04, 31: 0.015},
}


Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Country:
    """Locations, and where the patch of each lies: all in one UTM zone, on a lattice of 600 m."""

    locations: Locations
    places: Places


def make_country(side: int = 510, seed: int = 1) -> Country:
    """Make a square country of ``side`` x ``side`` patches in each grid."""
    random = np.random.default_rng(seed)
    raster = _classes(side * PATCH + PATCH, random)
    row, col = np.divmod(np.arange(side * side), side)
    pixels, grids, x, y = [], [], [], []
    for grid, shift in ((1, 0), (2, PATCH // 2)):
        own = raster[shift : shift + side * PATCH, shift : shift + side * PATCH]
        patches = own.reshape(side, PATCH, side, PATCH).swapaxes(1, 2).reshape(side * side, -1)
        pixels.append(np.stack([(patches == k).sum(axis=1) for k in range(1, N_CLASSES + 1)], axis=1) * PIXELS)
        grids.append(np.full(side * side, grid, dtype=np.int8))
        x.append(WEST_M + col * 1200 + shift * 300)
        y.append(NORTH_M - row * 1200 - shift * 300)
    counts = np.concatenate(pixels).astype(np.int32)
    places = Places(np.full(len(counts), EPSG), np.concatenate(x), np.concatenate(y))
    images = _seasons(side, np.tile(row, 2), np.tile(col, 2), random)
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
    """Return a smooth random field with mean 0 and standard deviation 1.

    Smoother ones are made at a lower resolution, of which a pixel is at most a third of ``sigma``, and interpolated.
    """
    factor = max(1, int(sigma / 3))
    coarse = -(-size // factor) + 1
    noise = gaussian_filter(random.standard_normal((coarse, coarse), dtype=np.float32), sigma / factor, mode="wrap")
    if factor > 1:
        noise = zoom(noise, factor, order=1)[:size, :size]
    field: NDArray[np.float32] = (noise[:size, :size] - noise.mean()) / noise.std()
    return field


def _seasons(side: int, row: Ints, col: Ints, random: np.random.Generator) -> NDArray[np.bool_]:
    """Return which season sets have an image of each location."""
    found = []
    for share in SEASON_SHARES:
        field = _field(side, 8, random) + 0.5 * random.standard_normal((side, side), dtype=np.float32)
        found.append((field < np.quantile(field, share))[row, col])
    return np.stack(found, axis=1)
