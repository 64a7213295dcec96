"""Which cells of which tiles are locations of the dataset.

A location depends on the tiles and the land-cover map alone. Each place on the ground belongs to one tile:

- to the tile in whose own 100 km square the patch's centre lies;
- where two UTM zones meet, patches whose centre lies in the 6-degree band of their tile's zone go first, then the
  others, each in the order of tile names; a patch stays only where it overlaps none of another zone kept before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.model.grid import GRIDS, PATCH_M, Cells, all_cells, in_own_square, in_own_zone
from seasonet_build.model.tiles import Tile
from seasonet_build.sources.vector import find_layers, read_layer

Mask = NDArray[np.bool_]
Polygons = NDArray[np.object_]

_TOUCHING_M2 = 1.0
"""Patches that share less than this only touch: the projections of two zones agree to millimetres."""


def find_locations(tiles: Sequence[Tile], usable: Callable[[Cells], Mask]) -> list[Cells]:
    """Return the cells that are locations, sorted by grid, tile, row and column, one entry per grid and tile.

    Args:
        tiles: all tiles of the build.
        usable: tells of some cells of one tile and grid which may be locations, such as by coverage.
    """
    found: list[Cells] = []
    for grid in GRIDS:
        candidates = [_candidates(tile, grid, usable) for tile in sorted(tiles)]
        found += _without_overlaps(candidates)
    return found


def inside_outline(outline: Path) -> Callable[[Cells], Mask]:
    """Return a test for cells that lie wholly inside the polygons of a file.

    Raises:
        DataError: the file cannot be read.
    """
    layers = find_layers(outline, "*")

    @cache
    def area(tile: Tile) -> shapely.Geometry:
        frames = [read_layer(layer, [], tile.epsg, tile.bounds) for layer in layers]
        polygons = shapely.union_all(np.concatenate([frame.geometry.to_numpy() for frame in frames]))
        shapely.prepare(polygons)
        return polygons

    def usable(cells: Cells) -> Mask:
        inside: Mask = shapely.covers(area(cells.tile), patch_polygons(cells))
        return inside

    return usable


def patch_polygons(cells: Cells) -> Polygons:
    """Return the outlines of patches as polygons in the UTM zone of their tile, shape (n,)."""
    polygons: Polygons = shapely.box(cells.x, cells.y - PATCH_M, cells.x + PATCH_M, cells.y)
    return polygons


def _candidates(tile: Tile, grid: int, usable: Callable[[Cells], Mask]) -> Cells:
    cells = all_cells(tile, grid)
    cells = cells.take(in_own_square(cells))
    return cells.take(usable(cells)) if len(cells) else cells


@dataclass
class _Kept:
    """Which cells of one tile are kept so far."""

    cells: Cells
    own_zone: Mask
    kept: Mask = field(init=False)

    def __post_init__(self) -> None:
        self.kept = np.zeros(len(self.cells), dtype=bool)


def _without_overlaps(candidates: Sequence[Cells]) -> list[Cells]:
    """Drop the cells of one grid that overlap a cell of another zone that goes before them."""
    entries = [_Kept(cells, in_own_zone(cells)) for cells in candidates]
    for first in (True, False):
        for entry in entries:
            turn = np.flatnonzero(entry.own_zone == first)
            polygons = patch_polygons(entry.cells)[turn]
            free = np.ones(len(turn), dtype=bool)
            for other in entries:
                if other.cells.tile.zone != entry.cells.tile.zone and _may_meet(entry.cells.tile, other.cells.tile):
                    free &= ~_overlapping(polygons, other, entry.cells.tile.epsg)
            entry.kept[turn[free]] = True
    return [entry.cells.take(entry.kept) for entry in entries]


def _may_meet(tile: Tile, other: Tile) -> bool:
    to_own = Transformer.from_crs(other.epsg, tile.epsg, always_xy=True)
    west, south, east, north = to_own.transform_bounds(*other.bounds, densify_pts=21)
    own = tile.bounds
    return bool(west < own[2] and own[0] < east and south < own[3] and own[1] < north)


def _overlapping(polygons: Polygons, other: _Kept, epsg: int) -> Mask:
    """Tell which polygons overlap a kept cell of another tile."""
    result = np.zeros(len(polygons), dtype=bool)
    kept = patch_polygons(other.cells.take(other.kept))
    if not len(kept) or not len(polygons):
        return result
    to_own = Transformer.from_crs(other.cells.tile.epsg, epsg, always_xy=True)
    moved = shapely.transform(kept, lambda p: np.column_stack(to_own.transform(p[:, 0], p[:, 1])))
    mine, theirs = shapely.STRtree(moved).query(polygons, predicate="intersects")
    shared = shapely.area(shapely.intersection(polygons[mine], moved[theirs]))
    result[mine[shared > _TOUCHING_M2]] = True
    return result
