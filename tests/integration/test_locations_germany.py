"""The rule by which each place belongs to one tile, on Germany's 69 tiles.

Takes about a minute: half a million patches are tried against the outline, and every pair of them for overlap.
"""

from datetime import UTC, datetime

import numpy as np
import pytest

from seasonet_build.model.grid import Cells
from seasonet_build.model.names import coordinate_text, patch_name
from seasonet_build.model.tiles import Tile
from seasonet_build.stages.locate import find_locations, inside_outline
from tests.integration.reference import reference_outlines, reference_overlaps, reference_tiles

pytestmark = pytest.mark.xdist_group("germany")

EXPECTED = {1: 260_425, 2: 260_402}
"""Patches of each grid that lie wholly in Germany's outline with its coastal waters, by the design's own count."""


def test_germany_has_as_many_locations_as_expected_and_no_two_of_a_grid_overlap(kit):
    """All pairs, also across tiles and UTM zones, in one equal-area projection for all of Europe."""
    tiles = [Tile(t.name, t.epsg, t.ulx, t.uly) for t in reference_tiles(kit).values()]
    assert len(tiles) == 69
    locations = find_locations(tiles, inside_outline(kit / "regions" / "germany.gpkg"))
    for grid, count in EXPECTED.items():
        mine = [cells for cells in locations if cells.grid == grid]
        assert {cells.tile.zone for cells in mine} == {31, 32, 33}
        assert sum(map(len, mine)) == pytest.approx(count, rel=0.001)
        outlines = [reference_outlines(cells.x, cells.y, cells.tile.epsg, 3035) for cells in mine]
        owner = np.repeat([cells.tile.name for cells in mine], list(map(len, mine)))
        overlaps = reference_overlaps(np.concatenate(outlines))
        assert [(owner[i], owner[j], area) for i, j, area in overlaps] == []


def test_a_patch_has_the_name_that_the_published_dataset_gives_it():
    tile = Tile("32UME", 32632, 399_960, 6_000_000)
    cells = Cells(tile, 1, row=np.array([19]), col=np.array([1]))
    (latitude,), (longitude,) = coordinate_text(cells)
    name = patch_name(tile.name, datetime(2018, 4, 18, 10, 40, 21, tzinfo=UTC), latitude, longitude)
    assert name == "32UME_20180418T104021_53_928425_7_503876"
