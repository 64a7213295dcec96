"""Deal the locations of a dataset by the method that the configuration names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seasonet_build.config.split import SplitSection
from seasonet_build.errors import DataError
from seasonet_build.model.grid import GRIDS
from seasonet_build.model.layout import SPLITS
from seasonet_build.splits.balance import NO_SIDE, Sides
from seasonet_build.splits.blocks import clear_borders, split_by_blocks
from seasonet_build.splits.dataset import Sampled
from seasonet_build.splits.official import split_officially
from seasonet_build.splits.overlaps import Pairs
from seasonet_build.splits.shares import whole_shares


@dataclass(frozen=True)
class Deal:
    """The side of each location; how many had one, and how many of those moved: none."""

    sides: Sides
    kept: int
    moved: int


def deal(sampled: Sampled, pairs: Pairs, options: SplitSection, kept: Sides | None) -> Deal:
    """Deal locations.

    Args:
        sampled: the dataset.
        pairs: which patches overlap or touch.
        options: method, shares, seed.
        kept: sides from an earlier deal, NO_SIDE where a location is new; None: there was none.

    Raises:
        DataError: there are too few locations for a share.
    """
    shares = [options.train, options.val, options.test]
    _require_enough(sampled, shares)
    stay = np.full(len(sampled.key), NO_SIDE, dtype=np.int8) if kept is None else kept
    if options.method == "official":
        sides = split_officially(sampled.locations, shares, options.seed, stay)
    else:
        centres = sampled.places.centres()
        sides = split_by_blocks(sampled.locations, centres, shares, options.seed, options.block_m, stay)
        sides = clear_borders(sides, pairs, options.buffer, kept)
    had = stay != NO_SIDE
    _require_some(sides, shares, options, kept=bool(had.any()))
    return Deal(sides, int(had.sum()), int((sides[had] != stay[had]).sum()))


def _require_enough(sampled: Sampled, shares: Sequence[float]) -> None:
    for grid in GRIDS:
        n = int((sampled.locations.grid == grid).sum())
        for name, share, count in zip(SPLITS, shares, whole_shares(n, shares), strict=True):
            if n and share > 0 and count == 0:
                raise DataError(
                    f"grid {grid} has {n} locations: the {name} set would be empty; set split.{name} to 0 (it is "
                    f"{share:g}), or add locations"
                )


def _require_some(sides: Sides, shares: Sequence[float], options: SplitSection, kept: bool) -> None:
    remedy = "set split.keep to false" if kept else f"set split.block_m to less than {options.block_m:g}"
    for side, (name, share) in enumerate(zip(SPLITS, shares, strict=True)):
        if len(sides) and share > 0 and not (sides == side).any():
            raise DataError(f"the {name} set would be empty: {remedy}, or add locations")
