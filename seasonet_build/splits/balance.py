"""What splits are balanced by: columns of numbers for each location, and how far sums are from their targets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seasonet_build.model.seasons import SEASONS

Floats = NDArray[np.float64]
Columns = NDArray[np.float32]
Sides = NDArray[np.int8]
"""For each location the position of its set in SPLITS; NO_SIDE: in none."""

NO_SIDE = -1

_SIZE_WEIGHT = 3.0
"""Season sets and the number of images count so much more than a class: they are held to hundredths of a point."""


@dataclass(frozen=True)
class Locations:
    """The locations of a dataset, sorted by grid, latitude and longitude, as parallel arrays of length n.

    Attributes:
        grid: 1 or 2.
        has_class: which of the 33 classes a location's images show, shape (n, 33).
        pixels: 10 m pixels of each class in an image, shape (n, 33); zeros where they are not known.
        images: which season sets have an image, shape (n, 5).
        extra: further columns to balance, a number for each image of a location, shape (n, k).
    """

    grid: NDArray[np.int8]
    has_class: NDArray[np.bool_]
    pixels: NDArray[np.int32]
    images: NDArray[np.bool_]
    extra: Columns

    def __len__(self) -> int:
        """Return the number of locations."""
        return len(self.grid)

    def take(self, members: NDArray[np.int64]) -> "Locations":
        """Return some of the locations."""
        return Locations(
            self.grid[members],
            self.has_class[members],
            self.pixels[members],
            self.images[members],
            self.extra[members],
        )

    @property
    def n_images(self) -> NDArray[np.int64]:
        """Return the number of images of each location."""
        count: NDArray[np.int64] = self.images.sum(axis=1)
        return count


def balance_columns(locations: Locations) -> Columns:
    """Return what is to be balanced, each column scaled to a sum of 1 or its weight, shape (n, columns).

    Columns are images of each class, pixels of each class over all images, images of each season set, all images, and
    the extra columns; those that are 0 everywhere are left out.
    """
    count = locations.n_images[:, np.newaxis].astype(np.float32)
    parts = [
        (1.0, count * locations.has_class),
        (1.0, count * locations.pixels),
        (_SIZE_WEIGHT, locations.images),
        (_SIZE_WEIGHT, count),
        (1.0, count * locations.extra),
    ]
    columns = np.hstack([part for _, part in parts], dtype=np.float32)
    weights = np.concatenate([np.full(part.shape[1], weight, dtype=np.float32) for weight, part in parts])
    totals = columns.sum(axis=0, dtype=np.float64)
    used = totals > 0
    columns = columns[:, used]
    columns *= weights[used] / totals[used].astype(np.float32)
    return columns


def side_sums(columns: Columns, sides: Sides, n_sides: int) -> Floats:
    """Return the sum of each column over the locations of each side, shape (n_sides, columns)."""
    sums = [columns[sides == side].sum(axis=0, dtype=np.float64) for side in range(n_sides)]
    return np.stack(sums)


def squared_deviation(sums: Floats, shares: Sequence[float]) -> float:
    """Return the sum of squared deviations from the shares, each relative to its share (0 counts as small)."""
    target = np.asarray(shares)[:, np.newaxis]
    return float((((sums - target * sums.sum(axis=0)) / np.maximum(target, 1e-3)) ** 2).sum())


def class_deviations(locations: Locations, sides: Sides, n_sides: int) -> tuple[Floats, Floats]:
    """Return how far each class is from its share on each side, by images and by pixels, relative: shape (sides, 33).

    The share of a class on a side is compared with the share of all images there; classes without images have NaN.
    """
    count = locations.n_images[:, np.newaxis]
    sizes = np.array([locations.n_images[sides == side].sum() for side in range(n_sides)], dtype=np.float64)
    result = []
    for values in (count * locations.has_class, count * locations.pixels.astype(np.int64)):
        sums = np.stack([values[sides == side].sum(axis=0) for side in range(n_sides)]).astype(np.float64)
        whole = sums.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            result.append(sums / whole * sizes.sum() / sizes[:, np.newaxis] - 1)
    return result[0], result[1]


assert len(SEASONS) == 5, "the shape of Locations.images says so"
