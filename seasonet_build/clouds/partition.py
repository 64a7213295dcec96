"""Parting labelled patches into training, calibration and test, so that no date and no tile is on two sides.

Patches of one scene resemble each other, and so do those of one place: figures of a test part that shares either with
training say little of other scenes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seasonet_build.clouds.examples import Examples
from seasonet_build.clouds.model_header import PARTS
from seasonet_build.clouds.sides import TRAIN, Counts, best_sides
from seasonet_build.errors import DataError
from seasonet_build.storage import text_digest

Positions = NDArray[np.int64]

_CLASSES = ("clear", "cloudy")


@dataclass(frozen=True)
class Partition:
    """Positions of examples on each side, in their order.

    ``mixed``: how many were left out as their date and tile are on different sides. ``near``: how many were left out as
    they are on the side of calibration or test, but were not sampled uniformly.
    """

    train: Positions
    calibration: Positions
    test: Positions
    mixed: int
    near: int


def part_examples(examples: Examples, seed: int) -> Partition:
    """Deal examples to sides by their dates and tiles, about 60, 20 and 20 %, so that few are left out.

    The result depends on the seed and on dates, tiles, classes and kinds of the examples, not on their order.

    Raises:
        DataError: a side would be without cloudy or without clear patches.
    """
    dates, d = np.unique(examples.dates, return_inverse=True)
    tiles, t = np.unique(examples.tiles, return_inverse=True)
    table = np.zeros((2, 2, len(dates), len(tiles)))
    classes = examples.cloudy.astype(np.int64)
    np.add.at(table[0], (classes, d, t), 1.0)
    np.add.at(table[1], (classes, d, t), examples.uniform.astype(np.float64))
    _require_enough(examples.source, table)
    counts = Counts(table)
    of_dates, of_tiles = best_sides(counts, seed)
    kept = counts.kept(of_dates, of_tiles)
    if not kept.all():
        side, kind = np.argwhere(kept == 0)[0]
        raise DataError(
            f"{examples.source}: no way was found to part {len(dates)} dates and {len(tiles)} tiles so that each of "
            f"{', '.join(PARTS)} has cloudy and clear patches ({PARTS[side]} got no {_CLASSES[kind]} one): "
            "label patches of more dates and tiles"
        )
    sides = np.where(of_dates[d] == of_tiles[t], of_dates[d], -1)
    near = (sides > TRAIN) & ~examples.uniform
    mixed = int(np.count_nonzero(sides < 0))
    sides[near] = -1
    train, calibration, test = (np.flatnonzero(sides == side) for side in range(3))
    return Partition(train, calibration, test, mixed, int(np.count_nonzero(near)))


def describe_side(examples: Examples) -> dict[str, Any]:
    """Return what a model file keeps of a side: dates, tiles, number of examples, SHA-256 over the sorted ids."""
    return {
        "dates": sorted({*examples.dates}),
        "tiles": sorted({*examples.tiles}),
        "examples": len(examples),
        "sha256": text_digest(*sorted(examples.ids)),
    }


def _require_enough(source: str, table: NDArray[np.float64]) -> None:
    """Refuse examples that cannot be parted, whatever is tried."""
    for kind, name in enumerate(_CLASSES):
        # Of training's numbers and those of the others: on how many dates, in how many tiles there are patches.
        (dates, tiles), (uniform_dates, uniform_tiles) = (
            (int((part > 0).any(axis=1).sum()), int((part > 0).any(axis=0).sum())) for part in table[:, kind]
        )
        if min(uniform_dates, uniform_tiles) < 2 or min(dates, tiles) < 3:
            raise DataError(
                f"{source}: too few {name} patches: they are of {dates} dates and {tiles} tiles, those drawn uniformly "
                f"of {uniform_dates} and {uniform_tiles}; each side needs its own, calibration and test of patches "
                "drawn uniformly: label patches of more dates and tiles"
            )


def left_out(partition: Partition) -> dict[str, int]:
    """Return how many examples were left out, by reason."""
    return {"date_and_tile_on_different_sides": partition.mixed, "near_outside_training": partition.near}
