"""Which scene serves which location, against a brute-force choice from the scene classifications."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.integration.reference import (
    EPSG,
    ReferenceLandCover,
    ReferenceScene,
    ReferenceTile,
    World,
    demo_world,
    kit_world,
    own_cells,
    reference_name,
    reference_outlines,
    reference_overlaps,
    reference_screen,
    window,
)
from tests.integration.support import Built

PLACE = ["tile", "grid", "row", "col"]


@dataclass(frozen=True)
class Rule:
    """Window (both days count) and limits of a season set, in percent."""

    first: datetime
    last: datetime
    max_cloud: float | None = None
    max_snow: float | None = None
    min_snow: float | None = None

    @property
    def middle(self) -> datetime:
        return self.first + (self.last + timedelta(days=1) - self.first) / 2


RULES = {
    "spring": Rule(datetime(2018, 4, 1), datetime(2018, 5, 31), max_cloud=5, max_snow=1),
    "summer": Rule(datetime(2018, 7, 1), datetime(2018, 8, 31), max_cloud=5, max_snow=1),
    "fall": Rule(datetime(2018, 10, 1), datetime(2018, 11, 30), max_cloud=5, max_snow=1),
    "winter": Rule(datetime(2019, 1, 1), datetime(2019, 2, 28), max_cloud=10, max_snow=10),
    "snow": Rule(datetime(2018, 4, 1), datetime(2019, 2, 28), min_snow=10),
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("demo", marks=pytest.mark.xdist_group("demo")),
        pytest.param("kit", marks=pytest.mark.xdist_group("kit")),
    ],
)
def case(request: pytest.FixtureRequest) -> tuple[World, Built]:
    """What a dataset was built from, and the build."""
    built: Built = request.getfixturevalue(f"{request.param}_build")
    if request.param == "demo":
        return demo_world(built.workspace / "inputs"), built
    return kit_world(request.getfixturevalue("kit")), built


def covered_cells(world: World) -> pd.DataFrame:
    """The cells with data, in their tile's own square, of which every 10 m pixel's centre lies in some polygon."""
    covered = []
    for tile in world.tiles:
        cells, bounds, labels = own_cells(tile), world.bounds(tile), world.labels[tile.name]
        parts = [window(bounds, x, y, 10) for x, y in zip(cells["x"], cells["y"], strict=True)]
        covered.append(cells[[part is not None and bool((labels[part] > 0).all()) for part in parts]])
    return pd.concat(covered, ignore_index=True)


def reference_observations(scene: ReferenceScene, cells: pd.DataFrame) -> pd.DataFrame:
    """Pixels of no data, cloud and snow in each of a scene's cells: 60 x 60 pixels of 20 m."""
    codes = scene.classification()
    counts = []
    for grid in (1, 2):
        start = 30 * (grid - 1)
        n = (len(codes) - start) // 60
        part = codes[start : start + n * 60, start : start + n * 60].reshape(n, 60, n, 60)
        kinds = {"no_data": part == 0, "cloud": (part >= 8) & (part <= 10), "snow": part == 11}
        row, col = (axis.ravel() for axis in np.mgrid[:n, :n])
        count = {kind: mask.sum(axis=(1, 3)).ravel() for kind, mask in kinds.items()}
        counts.append(pd.DataFrame({"grid": grid, "row": row, "col": col, **count}))
    return cells[cells["tile"] == scene.tile].merge(pd.concat(counts), on=["grid", "row", "col"])


def reference_samples(world: World) -> pd.DataFrame:
    """For each season set and location the best scene; columns path, cloud, snow (pixels)."""
    cells, seen = covered_cells(world), []
    for scene in world.scenes:
        when = datetime.strptime(scene.start, "%Y%m%dT%H%M%S")
        seen.append(reference_observations(scene, cells).assign(start=scene.start, when=when, product=scene.name))
    everything = pd.concat(seen, ignore_index=True)
    everything = everything[everything["no_data"] == 0]
    everything = everything.join(signs_of_snowy_cells(world, everything))
    chosen = [best_of_season(everything, season, rule) for season, rule in RULES.items()]
    return pd.concat(chosen, ignore_index=True)


def signs_of_snowy_cells(world: World, observed: pd.DataFrame) -> pd.DataFrame:
    """Shares of bright pixels, and B09/B8A, of cells with 10 % of snow or more."""
    tiles, found = {tile.name: tile for tile in world.tiles}, []
    for scene in world.scenes:
        snowy = observed[(observed["product"] == scene.name) & (observed["snow"] >= 360)]
        if len(snowy):
            found.append(reference_screen(scene, world.bounds(tiles[scene.tile]), snowy))
    return pd.concat(found)


def best_of_season(observed: pd.DataFrame, season: str, rule: Rule) -> pd.DataFrame:
    in_window = (observed["when"] >= rule.first) & (observed["when"] < rule.last + timedelta(days=1))
    observed = observed[in_window]
    cloud, snow = 100 * observed["cloud"] / 3600, 100 * observed["snow"] / 3600
    fits = pd.Series(True, index=observed.index)
    if rule.max_cloud is not None:
        fits &= cloud < rule.max_cloud
    if rule.max_snow is not None:
        fits &= snow < rule.max_snow
    if rule.min_snow is not None:
        fits &= (snow >= rule.min_snow) & (observed["bright"] < 0.01) & (observed["vapour"] <= 1.25)
    observed = observed[fits]
    by_snow = rule.min_snow is not None
    observed = observed.assign(
        first=-observed["snow"] if by_snow else observed["cloud"] + observed["snow"],
        second=observed["cloud"] if by_snow else 0,
        distance=(observed["when"] - rule.middle).abs(),
    )
    place = ["tile", "grid", "row", "col"]
    best = observed.sort_values([*place, "first", "second", "distance", "product"]).groupby(place).head(1)
    path = [
        f"{season}/grid{c.grid}/{reference_name(c.tile, c.start, c.lat, c.lon)}"
        for c in best[["tile", "grid", "start", "lat", "lon"]].itertuples()
    ]
    return best.assign(season=season, path=path)


def test_the_samples_are_the_best_scenes_of_their_seasons_and_no_others(case):
    world, built = case
    expected = reference_samples(world).set_index("path")
    assert set(expected["season"]) == set(RULES)
    assert set(expected["grid"]) == {1, 2}
    assert set(expected["tile"]) == {tile.name for tile in world.tiles}
    meta = pd.read_csv(built.dataset / "meta.csv").set_index("Path")
    assert meta.index.is_unique
    assert sorted(set(meta.index) - set(expected.index)) == []
    assert sorted(set(expected.index) - set(meta.index)) == []
    expected = expected.loc[meta.index]
    # Percent of the patch's 3600 pixels, written with four decimals.
    np.testing.assert_allclose(meta["Clouds"], 100 * expected["cloud"] / 3600, rtol=0, atol=0.51e-4)
    np.testing.assert_allclose(meta["Snow"], 100 * expected["snow"] / 3600, rtol=0, atol=0.51e-4)


def test_the_score_of_a_snowy_sample_says_how_near_it_came_to_being_cloudy(case):
    world, built = case
    expected = reference_samples(world).set_index("path")
    expected = expected[expected["season"] == "snow"]
    table = pd.read_parquet(built.dataset / "meta.parquet").set_index("Path")
    scores = table["cloud_score"].dropna()
    assert sorted(scores.index) == sorted(expected.index)
    assert sorted(scores.index) == sorted(table.index[table["Season"] == "Snow"])
    expected = expected.loc[scores.index]
    wanted = np.maximum(expected["bright"] / 0.01, expected["vapour"] / 1.25)
    np.testing.assert_allclose(scores, wanted, rtol=1e-9)
    assert scores.between(0, 1).all()


def test_the_screen_leaves_out_some_snowy_cells_and_keeps_others(case):
    """Else the tests above would not show that it is asked."""
    _, built = case
    meta = pd.read_csv(built.dataset / "meta.csv")
    candidates = pd.concat(pd.read_parquet(path) for path in sorted((built.workspace / "clouds").glob("*.parquet")))
    cloudy = (candidates["bright"] >= 36) | (candidates["vapour"] > 1.25)
    assert 0 < cloudy.sum() < len(candidates)
    assert (meta["Season"] == "Snow").any()


# --------------------------------------------------------------------------------------------- locations


def wholly_covered(tile: ReferenceTile, land_cover: ReferenceLandCover) -> pd.DataFrame:
    """The cells of a tile whose 14 400 pixel centres all lie in the map.

    One centre in every 200 m tells which cells lie outside or at the rim of the map. At the rim, and in the cells
    beside it, all centres are looked at. The map comes from a raster of 100 m: it has no smaller holes further inside.
    """
    x, y = np.meshgrid(tile.ulx + 5.0 + 200 * np.arange(549), tile.uly - 5.0 - 200 * np.arange(549))
    lattice = land_cover.at(x.ravel(), y.ravel()).reshape(x.shape) > 0
    covered = []
    for grid in (1, 2):
        start = 3 * (grid - 1)
        part = lattice[start : start + 91 * 6, start : start + 91 * 6].reshape(91, 6, 91, 6)
        cells = np.asarray(part.all(axis=(1, 3)))
        padded = np.pad(cells, 1, constant_values=False)
        deep_inside = np.all([padded[i : i + 91, j : j + 91] for i in range(3) for j in range(3)], axis=0)
        for row, col in np.argwhere(cells & ~deep_inside):
            left, top = tile.ulx + 600 * (grid - 1) + 1200 * col, tile.uly - 600 * (grid - 1) - 1200 * row
            # The coarse look comes first because most cells fail it.
            cells[row, col] = all(all_covered(land_cover, left, top, step) for step in (40, 10))
        row, col = np.nonzero(cells)
        covered.append(pd.DataFrame({"tile": tile.name, "grid": grid, "row": row, "col": col}))
    return pd.concat(covered)


def all_covered(land_cover: ReferenceLandCover, left: float, top: float, step: int) -> bool:
    """Whether the map covers the centre of every pixel of a patch, or of every so many metres' first pixel."""
    x, y = np.meshgrid(left + 5 + np.arange(0, 1200, step), top - 5 - np.arange(0, 1200, step))
    return bool((land_cover.at(x.ravel(), y.ravel()) > 0).all())


@pytest.mark.xdist_group("kit")
def test_locations_of_the_kit_are_the_covered_cells_of_each_tiles_own_square(kit, kit_build):
    """In the whole of both tiles, not only where there are data."""
    world = kit_world(kit)
    covered = pd.concat([wholly_covered(tile, world.land_cover) for tile in world.tiles])
    require_locations(kit_build, pd.concat([own_cells(tile) for tile in world.tiles]).merge(covered, on=PLACE))


@pytest.mark.xdist_group("demo")
def test_locations_of_the_demonstration_are_the_covered_cells_of_each_tiles_own_square(demo_build):
    """Its tiles have data everywhere, and its map ends in the middle of a row of cells."""
    world = demo_world(demo_build.workspace / "inputs")
    covered = covered_cells(world)
    assert 0 < len(covered) < sum(len(own_cells(tile)) for tile in world.tiles)
    require_locations(demo_build, covered)


def require_locations(built: Built, expected: pd.DataFrame) -> None:
    locations = pd.read_parquet(built.workspace / "tables" / "locations.parquet")
    found = set(locations[PLACE].itertuples(index=False, name=None))
    wanted = set(expected[PLACE].itertuples(index=False, name=None))
    assert sorted(found - wanted) == []
    assert sorted(wanted - found) == []
    assert built.report["locations"] == len(expected)


@pytest.mark.parametrize("grid", [1, 2])
def test_no_two_locations_of_a_grid_overlap_on_the_ground(case, grid):
    _, built = case
    locations = pd.read_parquet(built.workspace / "tables" / "locations.parquet")
    mine = locations[locations["grid"] == grid]
    outlines = reference_outlines(mine["x"], mine["y"], EPSG, 3035)
    assert reference_overlaps(outlines) == []
