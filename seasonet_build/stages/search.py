"""Choose from what is on offer: for every tile and season set the fewest scenes that cover the tile, clearest first.

A place that no scene on offer covers does not count. Everything is decided by what the catalogue says, so that the
same answers give the same choice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, groupby
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.model.tiles import Tile
from seasonet_build.providers.offers import Offer
from seasonet_build.sources.scenes import NOT_A_BASELINE, SAME_DATASTRIP

Mask = NDArray[np.bool_]

_POINTS = 41
"""Points along a side of a tile at which coverage is tested: one every 2.7 km."""

_EXACT_SCENES, _EXACT_SIZE = 24, 3
"""Sets of up to so many of so many scenes are all tried; where none covers the tile, scenes are added one by one."""


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
    costs = [-a.snow if snowy else a.cloud for a in acquisitions]
    order = sorted(range(len(acquisitions)), key=lambda i: (costs[i], acquisitions[i].start, i))
    masks = _covered(acquisitions, tile)
    chosen: list[int] = []
    for _ in range(cover):
        rest = [i for i in order if i not in chosen]
        chosen += _smallest_cover(rest, masks)
        if len(chosen) >= at_most:
            break
    return sorted((acquisitions[i] for i in chosen[:at_most]), key=lambda a: (a.start, a.offers[0].name))


def _covered(acquisitions: Sequence[Acquisition], tile: Tile) -> list[Mask]:
    """Return for each acquisition which points of the tile its footprints cover; an unknown footprint is the tile."""
    west, south, east, north = tile.bounds
    x, y = np.meshgrid(np.linspace(west, east, _POINTS), np.linspace(south, north, _POINTS))
    to_degrees = Transformer.from_crs(tile.epsg, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(x.ravel(), y.ravel())
    return [
        np.logical_or.reduce([_inside(offer.footprint, longitude, latitude) for offer in acquisition.offers])
        for acquisition in acquisitions
    ]


def _inside(footprint: dict[str, Any] | None, longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> Mask:
    if footprint is None:
        return np.ones(longitude.shape, dtype=bool)
    polygon = shapely.geometry.shape(footprint)
    inside: Mask = shapely.contains_xy(polygon, longitude, latitude)
    return inside


def _smallest_cover(order: Sequence[int], masks: Sequence[Mask]) -> list[int]:
    """Return the fewest scenes that together cover what all cover; ``order`` is from the best scene to the worst."""
    if not order:
        return []
    coverable = np.logical_or.reduce([masks[i] for i in order])
    if not coverable.any():
        return []
    # Along a tile's edge footprints and points differ by a pixel or two: a hair may stay bare.
    enough = coverable.sum() * 0.999
    few = order[:_EXACT_SCENES]
    for size in range(1, min(_EXACT_SIZE, len(few)) + 1):
        covering = [
            ranks
            for ranks in combinations(range(len(few)), size)
            if np.logical_or.reduce([masks[few[rank]] for rank in ranks]).sum() >= enough
        ]
        if covering:
            # The set whose worst scene is best, then the second worst, and so on.
            return [few[rank] for rank in min(covering, key=lambda ranks: ranks[::-1])]
    return _greedy_cover(order, masks, int(enough))


def _greedy_cover(order: Sequence[int], masks: Sequence[Mask], enough: int) -> list[int]:
    """Take the best scene that adds something, until enough is covered."""
    chosen: list[int] = []
    covered = np.zeros_like(masks[0])
    for i in order:
        if covered.sum() >= enough:
            break
        if (masks[i] & ~covered).any():
            chosen.append(i)
            covered |= masks[i]
    return chosen
