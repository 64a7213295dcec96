"""Locations near the border of two UTM zones, held against keeping them one by one."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import mgrs
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.model.grid import GRIDS, PATCH_M, Cells, all_cells
from seasonet_build.model.tiles import Tile, nominal_tile
from seasonet_build.stages.locate import find_locations
from tests.unit.helpers import small_tile

ORACLE = mgrs.MGRS()

Box = tuple[float, float, float, float]
Usable = Callable[[Cells], NDArray[np.bool_]]
Key = tuple[str, int, int]
"""Tile, row, column."""

# Real tiles on both sides of 6 and of 12 degrees east, and a box (west, south, east, north; degrees) where they meet.
MEETINGS: dict[str, tuple[tuple[str, ...], Box]] = {
    "6 degrees, one tile west": (("31UGQ", "32UKV", "32ULV"), (5.9, 49.0, 6.35, 49.2)),
    "6 degrees, four tiles": (("31UGQ", "31UGR", "32UKA", "32UKV"), (5.85, 49.5, 6.1, 49.7)),
    "east of the own zone": (("31UGR", "32ULA"), (6.05, 50.0, 6.3, 50.15)),
    "12 degrees": (("32UQD", "33UTU", "33UUU"), (11.9, 52.8, 12.2, 52.95)),
}


def centres(cells: Cells) -> NDArray[np.float64]:
    """Longitude and latitude of the middle of each patch, shape (n, 2)."""
    to_geographic = Transformer.from_crs(cells.tile.epsg, 4326, always_xy=True)
    return np.column_stack(to_geographic.transform(cells.x + 600, cells.y - 600))


def inside(box: Box) -> Usable:
    def usable(cells: Cells) -> NDArray[np.bool_]:
        points = centres(cells)
        return np.asarray(((points > box[:2]) & (points < box[2:])).all(axis=1))

    return usable


def on_the_ground(cells: Cells) -> NDArray[np.object_]:
    """Outlines in Europe's equal-area projection, edges bent as they are."""
    boxes = shapely.box(cells.x, cells.y - PATCH_M, cells.x + PATCH_M, cells.y)
    to_laea = Transformer.from_crs(cells.tile.epsg, 3035, always_xy=True)
    bent = shapely.segmentize(np.atleast_1d(boxes), 100)
    return np.asarray(shapely.transform(bent, lambda p: np.column_stack(to_laea.transform(p[:, 0], p[:, 1]))))


def keys(cells: Cells) -> list[Key]:
    return [(cells.tile.name, row, col) for row, col in zip(cells.row.tolist(), cells.col.tolist(), strict=True)]


def own_square(cells: Cells) -> NDArray[np.bool_]:
    _, _, x, y = ORACLE.MGRSToUTM(cells.tile.name)
    return np.asarray((abs(cells.x + 600 - x) < 50_000) & (abs(cells.y - 600 - y) < 50_000))


class Candidate(NamedTuple):
    """A patch that may be a location: whether its centre lies in the zone of its tile, and its outline."""

    own_zone: bool
    outline: shapely.Geometry


def all_candidates(tiles: list[Tile], usable: Usable, grid: int) -> dict[Key, Candidate]:
    found: dict[Key, Candidate] = {}
    for tile in tiles:
        cells = all_cells(tile, grid)
        cells = cells.take(own_square(cells) & usable(cells))
        zones = [int(ORACLE.toMGRS(lat, lon, MGRSPrecision=0)[:2]) for lon, lat in centres(cells)]
        own = [zone == tile.zone for zone in zones]
        found |= dict(zip(keys(cells), map(Candidate, own, on_the_ground(cells)), strict=True))
    return found


def kept_one_by_one(candidates: Mapping[Key, Candidate]) -> set[Key]:
    """The locations by the rule, patch after patch."""
    kept: list[Key] = []
    for key in sorted(candidates, key=lambda key: (not candidates[key].own_zone, key)):
        others = np.array([candidates[other].outline for other in kept if other[0][:2] != key[0][:2]])
        if not len(others) or shapely.area(shapely.intersection(candidates[key].outline, others)).max() < 1:
            kept.append(key)
    return set(kept)


@cache
def candidates_at(meeting: str, grid: int) -> dict[Key, Candidate]:
    names, box = MEETINGS[meeting]
    return all_candidates([nominal_tile(name) for name in names], inside(box), grid)


@cache
def found_at(meeting: str) -> tuple[list[Tile], list[Cells]]:
    names, box = MEETINGS[meeting]
    tiles = [nominal_tile(name) for name in names]
    return tiles, find_locations(tiles, inside(box))


@pytest.mark.parametrize("meeting", MEETINGS)
def test_locations_of_two_zones_do_not_overlap(meeting):
    _, found = found_at(meeting)
    for grid in GRIDS:
        own = [cells for cells in found if cells.grid == grid and len(cells)]
        outlines = np.concatenate([on_the_ground(cells) for cells in own])
        zones = np.concatenate([np.full(len(cells), cells.tile.zone) for cells in own])
        assert len(set(zones.tolist())) == 2, "both zones have locations here"
        one, other = shapely.STRtree(outlines).query(outlines, predicate="intersects")
        across = zones[one] != zones[other]
        shared = shapely.area(shapely.intersection(outlines[one[across]], outlines[other[across]]))
        assert shared.max(initial=0) < 2


@pytest.mark.parametrize("meeting", MEETINGS)
def test_locations_are_those_kept_one_by_one(meeting):
    _, found = found_at(meeting)
    for grid in GRIDS:
        candidates = candidates_at(meeting, grid)
        locations = [key for cells in found if cells.grid == grid for key in keys(cells)]
        assert len(locations) == len(set(locations))
        assert set(locations) == kept_one_by_one(candidates)
        assert len(locations) < len(candidates)


@pytest.mark.parametrize("meeting", MEETINGS)
def test_no_location_in_its_zone_gives_way_to_one_out_of_its_zone(meeting):
    _, found = found_at(meeting)
    for grid in GRIDS:
        candidates = candidates_at(meeting, grid)
        assert not all(candidate.own_zone for candidate in candidates.values())
        locations = {key for cells in found if cells.grid == grid for key in keys(cells)}
        in_zone = np.array([candidates[key].outline for key in locations if candidates[key].own_zone])
        for key, candidate in candidates.items():
            if candidate.own_zone and key not in locations:
                assert shapely.area(shapely.intersection(candidate.outline, in_zone)).max() > 1


@pytest.mark.parametrize("meeting", MEETINGS)
def test_the_centre_of_a_location_lies_in_the_square_of_its_tile(meeting):
    _, found = found_at(meeting)
    assert sum(map(len, found)) > 50
    for cells in found:
        assert own_square(cells).all()


@pytest.mark.parametrize("meeting", MEETINGS)
def test_the_order_of_tiles_does_not_matter(meeting):
    tiles, found = found_at(meeting)
    again = find_locations(tiles[::-1], inside(MEETINGS[meeting][1]))
    assert [keys(cells) for cells in again] == [keys(cells) for cells in found]


def test_one_tile_keeps_all_that_is_usable():
    tile = small_tile(6000)
    odd: Usable = lambda cells: (cells.row + cells.col) % 2 == 1  # noqa: E731
    first, second = find_locations([tile], odd)
    assert (first.grid, second.grid) == (1, 2)
    assert len(first) == 12
    assert len(second) == 8
    nothing = find_locations([tile], lambda cells: np.zeros(len(cells), dtype=bool))
    assert sum(map(len, nothing)) == 0
