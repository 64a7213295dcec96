"""What splits are balanced by: columns of numbers for each location, and how far sums are from their targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    count = locations.n_images
    once = np.ones_like(count)
    parts: list[tuple[float, NDArray[Any], NDArray[np.int64]]] = [
        (1.0, locations.has_class, count),
        (1.0, locations.pixels, count),
        (_SIZE_WEIGHT, locations.images, once),
        (_SIZE_WEIGHT, count[:, np.newaxis], once),
        (1.0, locations.extra, count),
    ]
    # Column by column: with all of them in double precision at once, this would need the most memory of all.
    found = [
        (part[:, j], factor, weight / total)
        for weight, part, factor in parts
        for j in range(part.shape[1])
        if (total := float((part[:, j] * factor).sum(dtype=np.float64))) > 0
    ]
    columns = np.empty((len(locations), len(found)), dtype=np.float32)
    for number, (values, factor, scale) in enumerate(found):
        columns[:, number] = values * factor * scale
    return columns


def side_sums(columns: Columns, sides: Sides, n_sides: int) -> Floats:
    """Return the sum of each column over the locations of each side, shape (n_sides, columns)."""
    sums = [columns[sides == side].sum(axis=0, dtype=np.float64) for side in range(n_sides)]
    return np.stack(sums)


def squared_deviation(sums: Floats, shares: Sequence[float]) -> float:
    """Return the sum of squared deviations from the shares, each relative to its share (0 counts as small)."""
    target = np.asarray(shares)[:, np.newaxis]
    return float((((sums - target * sums.sum(axis=0)) / np.maximum(target, 1e-3)) ** 2).sum())


def class_sums(locations: Locations, sides: Sides, n_sides: int) -> tuple[Floats, Floats]:
    """Return the images and the pixels of each class on each side, whole numbers, shape (sides + 1, 33).

    The last row, which has the position NO_SIDE, is of what is set aside.
    """
    count, bins = locations.n_images, np.where(sides == NO_SIDE, n_sides, sides)

    def sums(values: NDArray[Any]) -> Floats:
        columns = [np.bincount(bins, values[:, j] * count, n_sides + 1) for j in range(values.shape[1])]
        return np.stack(columns, axis=1)

    return sums(locations.has_class), sums(locations.pixels)


def class_deviations(locations: Locations, sides: Sides, n_sides: int) -> tuple[Floats, Floats]:
    """Return how far each class is from its share on each side, by images and by pixels, relative: shape (sides, 33).

    The share of a class on a side is compared with the share of all images there; what is set aside does not count.
    Classes without images have NaN.
    """
    sizes = np.bincount(sides[sides != NO_SIDE], locations.n_images[sides != NO_SIDE], n_sides)
    result = []
    for sums in class_sums(locations, sides, n_sides):
        dealt = sums[:n_sides]
        with np.errstate(invalid="ignore", divide="ignore"):
            result.append(dealt / dealt.sum(axis=0) * sizes.sum() / sizes[:, np.newaxis] - 1)
    return result[0], result[1]


assert len(SEASONS) == 5, "the shape of Locations.images says so"
