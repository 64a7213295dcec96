"""The choice of scenes, held against trying every scene for every location."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seasonet_build.clouds.verdict import Judge
from seasonet_build.config.seasons import SeasonsSection, SeasonWindow, SnowWindow
from seasonet_build.config.snow import SnowSection
from seasonet_build.model.classes import N_CLASSES
from seasonet_build.model.tables import CLOUD_SIGNS, LOCATIONS, OBSERVATIONS, SAMPLES
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.select import Seen as known_cells  # noqa: N813 - Seen is one cell here
from seasonet_build.stages.select import build_samples, in_window
from seasonet_build.storage import read_table, write_table
from tests.unit.helpers import product_record

PAPER = SeasonsSection.model_validate({})
SCREEN = SnowSection()
SEASON_NAMES = ("spring", "summer", "fall", "winter", "snow")


class Cell(NamedTuple):
    tile: str
    grid: int
    row: int
    col: int


class Seen(NamedTuple):
    """What a scene shows of a cell, 20 m pixels; ``bright`` in visible light and B11; ``vapour`` is B09/B8A."""

    no_data: int
    cloud: int
    snow: int
    bright: int = 0
    vapour: float | None = 1.0


Look = Mapping[Cell, Seen]
Choice = tuple[str, int, int]
"""Scene, cloud and snow."""


def scene_of(start: datetime, **fields: Any) -> Scene:
    return Scene(products=(product_record(start, **fields),))


def locations_table(cells: Sequence[Cell]) -> pa.Table:
    rows = [
        {
            **cell._asdict(),
            **{"epsg": 32632, "x": 0, "y": 0, "latitude": "50.000000", "longitude": "9.000000"},
            **{"slraum": None, "rtyp3": None, "ktyp4": None},
            **{f"pixels_{level}": [0] * N_CLASSES for level in ("hard", "medium", "easy")},
        }
        for cell in cells
    ]
    return pa.Table.from_pylist(rows, schema=LOCATIONS)


def choose(
    cells: Sequence[Cell],
    looks: Sequence[tuple[Scene, Look]],
    seasons: SeasonsSection = PAPER,
    snow: SnowSection = SCREEN,
) -> dict[tuple[str, Cell], Choice]:
    """What the stage chooses, through real tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(locations_table(cells), folder / "locations.parquet")
        known = known_cells({}, {})
        for i, (scene, look) in enumerate(looks):
            rows = [{**cell._asdict(), **seen._asdict(), "score": None} for cell, seen in look.items()]
            for tables, schema in ((known.observations, OBSERVATIONS), (known.signs, CLOUD_SIGNS)):
                path = folder / f"{i}.{len(schema)}.parquet"
                write_table(pa.Table.from_pylist(rows, schema=schema), path)
                assert isinstance(tables, dict)
                tables[scene.id] = path
        target, scenes = folder / "samples.parquet", [scene for scene, _ in looks]
        counts = build_samples(folder / "locations.parquet", known, scenes, seasons, Judge(snow), target)
        samples = read_table(target, SAMPLES).to_pylist()
    assert counts.samples == len(samples)
    assert 0 <= counts.cloudy <= counts.snowy
    order = [(SEASON_NAMES.index(s["season"]), s["tile"], s["grid"], s["row"], s["col"]) for s in samples]
    assert order == sorted(set(order)), "sorted, and one image of a location in a set"
    return {
        (s["season"], Cell(s["tile"], s["grid"], s["row"], s["col"])): (s["scene"], s["cloud"], s["snow"])
        for s in samples
    }


def eligible(seen: Seen, scene: Scene, window: SeasonWindow | SnowWindow) -> bool:
    cloud, snow = Fraction(100 * seen.cloud, 3600), Fraction(100 * seen.snow, 3600)
    if seen.no_data or not window.start <= scene.start.date() <= window.end:
        return False
    if window.max_cloud is not None and cloud >= Fraction(str(window.max_cloud)):
        return False
    if isinstance(window, SnowWindow):
        if seen.bright >= 36 or seen.vapour is None or seen.vapour > 1.25:
            return False
        return snow >= Fraction(str(window.min_snow))
    return snow < Fraction(str(window.max_snow))


def rank(seen: Seen, scene: Scene, window: SeasonWindow | SnowWindow) -> tuple[Any, ...]:
    opens = datetime(window.start.year, window.start.month, window.start.day, tzinfo=UTC)
    middle = opens + timedelta(days=(window.end - window.start).days + 1) / 2
    first = (-seen.snow, seen.cloud) if isinstance(window, SnowWindow) else (seen.cloud + seen.snow, 0)
    return (*first, abs(scene.start - middle), scene.first.name)


def brute_force(
    cells: Sequence[Cell], looks: Sequence[tuple[Scene, Look]], seasons: SeasonsSection
) -> dict[tuple[str, Cell], Choice]:
    chosen = {}
    for season in SEASON_NAMES:
        window = getattr(seasons, season)
        for cell in cells:
            fitting = [
                (rank(look[cell], scene, window), scene, look[cell])
                for scene, look in looks
                if cell in look and scene.first.tile == cell.tile and eligible(look[cell], scene, window)
            ]
            if fitting:
                _, scene, seen = min(fitting, key=lambda item: item[0])
                chosen[season, cell] = (scene.id, seen.cloud, seen.snow)
    return chosen


CELLS = [Cell(tile, grid, row, 0) for tile in ("32UNA", "32UPA") for grid in (1, 2) for row in (0, 1)]
# Around the limits of the paper: 1 % is 36 px, 5 % 180 px, 10 % 360 px.
counts = st.sampled_from([0, 0, 1, 35, 36, 37, 179, 180, 359, 360, 361, 1800, 3600])
brights, vapours = st.sampled_from([0, 0, 0, 35, 36, 3600]), st.sampled_from([1.0, 1.0, 1.0, 1.25, 1.2500001, None])
seen_strategy = st.builds(Seen, st.sampled_from([0, 0, 0, 1, 3599]), counts, counts, brights, vapours)
days = st.sampled_from(
    [
        *(date(2018, 3, 31), date(2018, 4, 1), date(2018, 4, 30), date(2018, 5, 2), date(2018, 5, 31)),
        *(date(2018, 6, 1), date(2018, 7, 14), date(2018, 8, 18), date(2018, 10, 31)),
        *(date(2019, 1, 20), date(2019, 2, 8), date(2019, 3, 1)),
    ]
)


@st.composite
def look_strategy(draw: st.DrawFn) -> tuple[Scene, Look]:
    day, tile = draw(days), draw(st.sampled_from(["32UNA", "32UPA"]))
    start = datetime(day.year, day.month, day.day, 10, draw(st.integers(0, 3)), tzinfo=UTC)
    scene = scene_of(start, tile=tile, platform=draw(st.sampled_from(["S2A", "S2B"])))
    own = [cell for cell in CELLS if cell.tile == tile]
    # A cell that is not in the grid of locations does no harm.
    seen = draw(st.dictionaries(st.sampled_from([*own, Cell(tile, 1, 9, 9)]), seen_strategy))
    return scene, seen


@settings(deadline=None, max_examples=30)
@given(
    st.lists(look_strategy(), max_size=7, unique_by=lambda look: look[0].id),
    st.lists(st.sampled_from(CELLS), min_size=1, unique=True),
    st.sampled_from([None, 0.0, 5.0, 100.0]),
    st.sampled_from([1.0, 10.0, 100.0]),
)
def test_the_choice_is_that_of_trying_everything(looks, cells, snow_max_cloud, spring_max_snow):
    seasons = SeasonsSection.model_validate(
        {"snow": {"max_cloud": snow_max_cloud}, "spring": {"max_snow": spring_max_snow}}
    )
    expected = brute_force(cells, looks, seasons)
    assert choose(cells, looks, seasons) == expected
    assert choose(cells[::-1], looks[::-1], seasons) == expected


CELL = CELLS[0]
SPRING = datetime(2018, 5, 1, 10, 0, 0, tzinfo=UTC)


def spring_choice(*looks: tuple[Scene, Seen]) -> str | None:
    found = choose([CELL], [(scene, {CELL: seen}) for scene, seen in looks])
    return found["spring", CELL][0] if ("spring", CELL) in found else None


@pytest.mark.parametrize(
    ("seen", "fits"),
    [
        (Seen(0, 0, 0), True),
        (Seen(0, 179, 35), True),
        (Seen(0, 180, 0), False),  # exactly 5 % is not below 5 %
        (Seen(0, 0, 36), False),
        (Seen(1, 0, 0), False),
    ],
)
def test_limits_of_spring(seen, fits):
    assert (spring_choice((scene_of(SPRING), seen)) is not None) == fits


@pytest.mark.parametrize(("snow", "fits"), [(359, False), (360, True), (3600, True)])
def test_the_snowy_set_begins_at_10_percent_of_snow(snow, fits):
    found = choose([CELL], [(scene_of(SPRING), {CELL: Seen(0, 3600 - snow, snow)})])
    assert set(found) == ({("snow", CELL)} if fits else set())


def test_3600_pixels_of_both_do_not_overflow():
    scenes = [scene_of(SPRING + timedelta(days=i)) for i in range(2)]
    seasons = SeasonsSection.model_validate({"spring": {"max_cloud": 100, "max_snow": 100}})
    looks = [(scenes[0], {CELL: Seen(0, 3599, 3599)}), (scenes[1], {CELL: Seen(0, 3599, 3598)})]
    assert choose([CELL], looks, seasons)["spring", CELL] == (scenes[1].id, 3599, 3598)
    assert choose([CELL], [(scenes[0], {CELL: Seen(0, 3600, 0)})], seasons) == {}


def test_less_cloud_and_snow_goes_before_the_middle_of_the_window():
    early, middle = scene_of(datetime(2018, 4, 1, tzinfo=UTC)), scene_of(SPRING)
    assert spring_choice((middle, Seen(0, 2, 0)), (early, Seen(0, 0, 1))) == early.id


def test_the_middle_of_the_window_goes_before_the_name():
    # 61 days from 1 April: the middle is noon of 1 May.
    before = scene_of(datetime(2018, 5, 1, 10, tzinfo=UTC))
    after = scene_of(datetime(2018, 5, 1, 13, tzinfo=UTC), platform="S2C")
    assert spring_choice((before, Seen(0, 0, 0)), (after, Seen(0, 0, 0))) == after.id


def test_of_equals_the_first_name_is_taken():
    scenes = [scene_of(SPRING, platform=platform) for platform in ("S2B", "S2A", "S2C")]
    assert spring_choice(*((scene, Seen(0, 5, 0)) for scene in scenes)) == scenes[1].id


def test_the_snowy_set_takes_most_snow_then_least_cloud():
    scenes = [scene_of(SPRING + timedelta(days=i)) for i in range(3)]
    looks = [
        (scenes[0], {CELL: Seen(0, 0, 1000)}),
        (scenes[1], {CELL: Seen(0, 50, 1200)}),
        (scenes[2], {CELL: Seen(0, 40, 1200)}),
    ]
    assert choose([CELL], looks)["snow", CELL][0] == scenes[2].id
    screened = SeasonsSection.model_validate({"snow": {"max_cloud": 1}})
    assert choose([CELL], looks, screened)["snow", CELL][0] == scenes[0].id


CLOUD = Seen(0, 0, 3600, bright=3600)
"""Cloud that the scene classification takes for snow."""


def test_of_snowy_candidates_the_next_best_takes_the_place_of_one_that_is_cloudy():
    scenes = [scene_of(SPRING + timedelta(days=i)) for i in range(2)]
    looks = [(scenes[0], {CELL: CLOUD}), (scenes[1], {CELL: Seen(0, 0, 400)})]
    assert choose([CELL], looks)["snow", CELL] == (scenes[1].id, 0, 400)
    assert choose([CELL], looks[:1]) == {}
    assert choose([CELL], looks, snow=SnowSection(classifier="none"))["snow", CELL][0] == scenes[0].id


def test_both_ends_of_a_window_count():
    window = PAPER.spring
    for day, fits in ((date(2018, 3, 31), False), (date(2018, 4, 1), True), (date(2018, 5, 31), True)):
        for hour in (0, 23):
            assert in_window(datetime(day.year, day.month, day.day, hour, 59, tzinfo=UTC), window) == fits
    assert not in_window(datetime(2018, 6, 1, tzinfo=UTC), window)


def test_without_scenes_there_are_no_samples():
    assert choose([CELL], []) == {}
