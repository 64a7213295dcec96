"""Choose from what is on offer: for every tile and season set the fewest scenes that cover the tile, clearest first.

A place that no scene on offer covers does not count. Everything is decided by what the catalogue says, so that the
same answers give the same choice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from itertools import accumulate, groupby
from math import ceil, comb
from operator import or_
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.model.products import NOT_A_BASELINE, SAME_DATASTRIP
from seasonet_build.model.tiles import Tile
from seasonet_build.providers.offers import Offer

_POINTS = 41
"""Points along a side of a tile at which coverage is tested: one every 2.7 km."""

_ENOUGH = 0.999
"""What counts as all of what can be covered: outlines of scenes differ by a pixel or two."""

_TRIED = 100_000
"""Sets of a size are all tried if there are no more; where none covers the tile, scenes are added one by one."""


@dataclass(frozen=True)
class Acquisition:
    """The products of one acquisition of a tile: one, or several granules that complete each other."""

    offers: tuple[Offer, ...]

    @property
    def start(self) -> datetime:
        """Return the start of the datatake."""
        return self.offers[0].start

    @property
    def cloud(self) -> float:
        """Return the cloud share of the worst granule, percent."""
        return max(offer.cloud for offer in self.offers)

    @property
    def snow(self) -> float:
        """Return the snow share of the best granule, percent."""
        return max(offer.snow or 0.0 for offer in self.offers)


@dataclass(frozen=True)
class Baselines:
    """The lowest and the highest processing baseline that is allowed, such as ``05.00``."""

    lowest: str = "00.00"
    highest: str = "99.98"

    def allow(self, baseline: str) -> bool:
        """Tell whether a baseline is allowed; 99.99 is not one of ESA's."""
        return baseline != NOT_A_BASELINE and self.lowest <= baseline <= self.highest


def resolve_duplicates(offers: Iterable[Offer], baselines: Baselines) -> list[Acquisition]:
    """Group offers of one tile into acquisitions, sorted by time.

    Of a datastrip on offer several times the highest allowed baseline counts, then the newest product. Granules of
    different datastrips of a datatake complete each other and are kept both.
    """
    allowed = (offer for offer in offers if baselines.allow(offer.baseline))
    ordered = sorted(allowed, key=lambda o: (o.start, o.platform, o.orbit, o.tile, o.datastrip, o.name))
    acquisitions = []
    for _, group in groupby(ordered, key=lambda o: (o.start, o.platform, o.orbit, o.tile)):
        strips: list[list[Offer]] = []
        for offer in group:
            if strips and offer.datastrip - strips[-1][-1].datastrip <= SAME_DATASTRIP:
                strips[-1].append(offer)
            else:
                strips.append([offer])
        best = (max(strip, key=lambda o: (o.baseline, o.generated, o.name)) for strip in strips)
        acquisitions.append(Acquisition(tuple(best)))
    return acquisitions


def choose_scenes(
    acquisitions: Sequence[Acquisition], tile: Tile, *, cover: int, at_most: int, snowy: bool
) -> list[Acquisition]:
    """Choose the fewest scenes that cover what can be covered of a tile, the clearest ones among such sets.

    Args:
        acquisitions: what is on offer in a season's window, duplicates resolved.
        tile: where the tile lies.
        cover: how many such sets, without a scene in common, are taken one after the other.
        at_most: no more scenes than this.
        snowy: take scenes with much snow instead of those with little cloud.

    Returns:
        The chosen ones, sorted by time.
    """
    ranked = sorted(acquisitions, key=lambda a: (-a.snow if snowy else a.cloud, a.start, a.offers[0].name))
    masks = _covered(ranked, tile)
    chosen: list[int] = []
    for _ in range(cover):
        rest = [i for i in range(len(ranked)) if i not in chosen]
        chosen += [rest[rank] for rank in _smallest_cover([masks[i] for i in rest])]
        if len(chosen) >= at_most:
            break
    return sorted((ranked[i] for i in chosen[:at_most]), key=lambda a: (a.start, a.offers[0].name))


def _covered(acquisitions: Sequence[Acquisition], tile: Tile) -> list[int]:
    """Return for each acquisition which points of the tile its footprints cover, a bit for each point.

    The points are centres of a grid's cells: along the tile's edge outlines are too coarse to be believed, since they
    are straight in degrees.
    """
    west, south, east, north = tile.bounds
    steps = (np.arange(_POINTS) + 0.5) / _POINTS
    x, y = np.meshgrid(west + steps * (east - west), south + steps * (north - south))
    points = np.column_stack(Transformer.from_crs(tile.epsg, 4326, always_xy=True).transform(x.ravel(), y.ravel()))
    return [reduce(or_, (_inside(o.footprint, points) for o in acquisition.offers)) for acquisition in acquisitions]


def _inside(footprint: dict[str, Any] | None, points: NDArray[np.float64]) -> int:
    """Return which points lie in a footprint; one that is unknown or cannot be read is the whole tile."""
    try:
        polygon = None if footprint is None else shapely.geometry.shape(footprint)
    except (shapely.errors.ShapelyError, AttributeError, KeyError, TypeError, ValueError):
        polygon = None
    if polygon is None:
        return (1 << len(points)) - 1
    shapely.prepare(polygon)
    inside = shapely.contains_xy(polygon, points)
    return int.from_bytes(np.packbits(inside, bitorder="little").tobytes(), "little")


def _smallest_cover(masks: Sequence[int]) -> list[int]:
    """Return the fewest scenes that together cover what all cover, by their ranks, from the best to the worst.

    Args:
        masks: the points that scenes cover, those of the best scene first.

    Returns:
        Of the smallest sets the one whose worst scene is best, then the second worst, and so on.
    """
    coverable = reduce(or_, masks, 0)
    if not coverable:
        return []
    enough = ceil(coverable.bit_count() * _ENOUGH)
    # A scene that covers nothing beyond what a better one covers is in no best set.
    useful = [i for i, mask in enumerate(masks) if all(mask | better != better for better in masks[:i])]
    some = [masks[i] for i in useful]
    best = list(accumulate(some, or_))
    for size in range(1, len(some) + 1):
        if comb(len(some), size) > _TRIED:
            break
        if (found := _first_cover(some, best, 0, size, len(some), enough)) is not None:
            return [useful[rank] for rank in found]
    return [useful[rank] for rank in _greedy_cover(some, enough)]


def _first_cover(
    masks: Sequence[int], best: Sequence[int], covered: int, size: int, below: int, enough: int
) -> list[int] | None:
    """Return the best set of ``size`` ranks less than ``below`` that makes up what ``covered`` lacks, if there is one.

    ``best[rank]`` is what all scenes up to a rank cover together: where that is too little, no set has to be tried.
    """
    if size == 0:
        return [] if covered.bit_count() >= enough else None
    for rank in range(size - 1, below):
        if (covered | best[rank]).bit_count() >= enough:
            rest = _first_cover(masks, best, covered | masks[rank], size - 1, rank, enough)
            if rest is not None:
                return [*rest, rank]
    return None


def _greedy_cover(masks: Sequence[int], enough: int) -> list[int]:
    """Take the best scene that adds something until enough is covered; then leave out, the worst first, what can be."""
    chosen: list[int] = []
    covered = 0
    for rank, mask in enumerate(masks):
        if covered.bit_count() >= enough:
            break
        if mask | covered != covered:
            chosen.append(rank)
            covered |= mask
    for rank in reversed(chosen):
        others = [other for other in chosen if other != rank]
        if reduce(or_, (masks[other] for other in others), 0).bit_count() >= enough:
            chosen = others
    return chosen
