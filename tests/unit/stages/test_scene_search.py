"""The choice of scenes before a download, held against trying all sets of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from seasonet_build.model.tiles import nominal_tile
from seasonet_build.providers.offers import Offer
from seasonet_build.stages.search import Acquisition, Baselines, choose_scenes, resolve_duplicates
from tests.unit.helpers import modest

TILE = nominal_tile("32ULV")
SIDE = 7
"""Footprints are rectangles of whole cells: so many make up a side of the tile. None is as small as a hair."""

CELLS = frozenset((column, row) for column in range(SIDE) for row in range(SIDE))
DAY = datetime(2018, 4, 18, 10, 40, 21, tzinfo=UTC)
TO_DEGREES = Transformer.from_crs(TILE.epsg, 4326, always_xy=True)

Box = tuple[int, int, int, int]
WHOLE: Box = (0, 0, SIDE, SIDE)
WEST, EAST, NORTH, SOUTH = (0, 0, 4, SIDE), (3, 0, SIDE, SIDE), (0, 0, SIDE, 4), (0, 3, SIDE, SIDE)


def outline(box: Box, grown_m: float = 0.0, steps: int = SIDE) -> dict[str, Any]:
    """Return cells (west, north, east, south, counted from the upper-left corner) as GeoJSON in degrees."""
    west, north, east, south = (edge * TILE.size_m / SIDE for edge in box)
    west, north, east, south = west - grown_m, north - grown_m, east + grown_m, south + grown_m
    corners = [(west, north), (east, north), (east, south), (west, south), (west, north)]
    ring = []
    for (x0, y0), (x1, y1) in pairwise(corners):
        ring += [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(steps)]
    degrees = [list(TO_DEGREES.transform(TILE.ulx + x, TILE.uly - y)) for x, y in ring]
    return {"type": "Polygon", "coordinates": [[*degrees, degrees[0]]]}


def cells_of(box: Box) -> frozenset[tuple[int, int]]:
    west, north, east, south = box
    return frozenset((column, row) for column in range(west, east) for row in range(north, south))


def offer(number: int = 0, **changes: Any) -> Offer:
    """An offer of a day of its own."""
    start = changes.get("start", DAY + timedelta(days=number))
    fields: dict[str, Any] = {
        **{"platform": "S2A", "tile": "32ULV", "orbit": 8, "start": start, "datastrip": start},
        **{"baseline": "05.00", "generated": "20230812T090144", "cloud": 0.0},
        **changes,
    }
    number_text = fields["baseline"].replace(".", "")
    name = f"{fields['platform']}_MSIL2A_{start:%Y%m%dT%H%M%S}_N{number_text}_R{fields['orbit']:03}"
    name = fields.pop("name", f"{name}_T{fields['tile']}_{fields['generated']}")
    return Offer(name=name, folder=f"{name}.SAFE", **fields)


def scenes(boxes: Sequence[Box | None], values: Sequence[int], what: str = "cloud") -> list[Acquisition]:
    """Acquisitions of one offer each, a day apart; ``values`` are their cloud or snow."""
    return [
        Acquisition((offer(i, footprint=None if box is None else outline(box), **{what: float(value)}),))
        for i, (box, value) in enumerate(zip(boxes, values, strict=True))
    ]


def best_sizes_and_costs(boxes: Sequence[Box], costs: Sequence[float]) -> tuple[int, list[float]]:
    """Try all sets: the size of the smallest that cover all, and the least costs of such a set, the worst first."""
    coverable = frozenset().union(*map(cells_of, boxes))
    for size in range(1, len(boxes) + 1):
        covering = [
            chosen
            for chosen in combinations(range(len(boxes)), size)
            if frozenset().union(*(cells_of(boxes[i]) for i in chosen)) == coverable
        ]
        if covering:
            return size, min(sorted((costs[i] for i in chosen), reverse=True) for chosen in covering)
    raise AssertionError("all of them cover what all cover")


def covered(chosen: Sequence[Acquisition], boxes: Mapping[str, Box]) -> frozenset[tuple[int, int]]:
    return frozenset().union(*(cells_of(boxes[a.offers[0].name]) for a in chosen))


edge = st.integers(0, SIDE)
box = st.tuples(edge, edge, edge, edge).filter(lambda b: b[0] < b[2] and b[1] < b[3])
halves = st.sampled_from([WHOLE, WEST, EAST, NORTH, SOUTH])
boxes_and_values = st.lists(st.tuples(st.one_of(halves, box), st.integers(0, 100)), min_size=1, max_size=8)


@modest
@given(boxes_and_values, st.booleans())
def test_the_fewest_scenes_cover_the_tile_and_of_such_sets_the_worst_scene_is_best(
    drawn: list[tuple[Box, int]], snowy: bool
) -> None:
    boxes, values = [b for b, _ in drawn], [value for _, value in drawn]
    offered = scenes(boxes, values, "snow" if snowy else "cloud")
    chosen = choose_scenes(offered, TILE, cover=1, at_most=99, snowy=snowy)
    size, costs = best_sizes_and_costs(boxes, [-v if snowy else v for v in values])
    assert len(chosen) == size
    assert sorted((-a.snow if snowy else a.cloud for a in chosen), reverse=True) == costs
    by_name = {a.offers[0].name: b for a, b in zip(offered, boxes, strict=True)}
    assert covered(chosen, by_name) == covered(offered, by_name)
    assert [a.start for a in chosen] == sorted(a.start for a in chosen)


@modest
@given(boxes_and_values, st.randoms(), st.integers(1, 3), st.integers(1, 4))
def test_the_choice_does_not_depend_on_the_order_of_what_is_on_offer(
    drawn: list[tuple[Box, int]], draw: Any, cover: int, at_most: int
) -> None:
    # Few values, so that many scenes are as good as others.
    offered = scenes([b for b, _ in drawn], [value // 50 for _, value in drawn])
    chosen = choose_scenes(offered, TILE, cover=cover, at_most=at_most, snowy=False)
    draw.shuffle(offered)
    assert choose_scenes(offered, TILE, cover=cover, at_most=at_most, snowy=False) == chosen
    assert len(chosen) <= at_most


@modest
@given(boxes_and_values)
def test_a_second_cover_is_the_best_of_what_the_first_one_left(drawn: list[tuple[Box, int]]) -> None:
    offered = scenes([b for b, _ in drawn], [value for _, value in drawn])
    first = choose_scenes(offered, TILE, cover=1, at_most=99, snowy=False)
    second = choose_scenes([a for a in offered if a not in first], TILE, cover=1, at_most=99, snowy=False)
    both = choose_scenes(offered, TILE, cover=2, at_most=99, snowy=False)
    assert both == sorted([*first, *second], key=lambda a: a.start)
    assert len(set(map(id, both))) == len(both)


def test_two_covers_have_no_scene_in_common() -> None:
    boxes = [WEST, EAST, WEST, EAST, WHOLE]
    offered = scenes(boxes, [1, 2, 3, 4, 90])
    assert choose_scenes(offered, TILE, cover=1, at_most=99, snowy=False) == [offered[4]]
    assert choose_scenes(offered, TILE, cover=2, at_most=99, snowy=False) == [offered[0], offered[1], offered[4]]
    assert choose_scenes(offered, TILE, cover=3, at_most=99, snowy=False) == offered
    assert choose_scenes(offered, TILE, cover=9, at_most=99, snowy=False) == offered


def test_the_clearest_scenes_are_those_that_the_limit_leaves() -> None:
    offered = scenes([WEST, EAST, NORTH], [50, 10, 99])
    assert choose_scenes(offered, TILE, cover=1, at_most=1, snowy=False) == [offered[1]]


def test_much_snow_goes_first_in_the_snowy_set() -> None:
    offered = scenes([WHOLE, WHOLE, WHOLE], [20, 80, 50], "snow")
    assert choose_scenes(offered, TILE, cover=2, at_most=99, snowy=True) == offered[1:]


@pytest.mark.parametrize("footprint", [None, {}, {"type": "Blob"}, {"type": "Polygon", "coordinates": [[1, 2]]}])
def test_an_unknown_footprint_is_the_whole_tile(footprint: dict[str, Any] | None) -> None:
    unknown = Acquisition((offer(5, footprint=footprint, cloud=30.0),))
    offered = [*scenes([WEST, EAST], [0, 0]), unknown]
    assert choose_scenes(offered, TILE, cover=1, at_most=99, snowy=False) == [unknown]


def test_nothing_is_chosen_from_nothing() -> None:
    elsewhere = {"type": "Polygon", "coordinates": [[[50, 0], [51, 0], [51, 1], [50, 0]]]}
    assert choose_scenes([], TILE, cover=1, at_most=9, snowy=False) == []
    assert choose_scenes([Acquisition((offer(footprint=elsewhere),))], TILE, cover=2, at_most=9, snowy=False) == []


@pytest.mark.parametrize(("grown_m", "steps"), [(-30.0, SIDE), (30.0, SIDE), (0.0, 1), (-60.0, 1)])
def test_an_outline_that_is_coarse_at_the_tile_s_edge_still_covers_the_tile(grown_m: float, steps: int) -> None:
    """Outlines differ by pixels, and some have corners only: the straight lines between them are not the tile's."""
    clear = Acquisition((offer(0, footprint=outline(WHOLE, grown_m, steps), cloud=1.0),))
    wide = Acquisition((offer(1, footprint=outline(WHOLE, 500.0), cloud=60.0),))
    assert choose_scenes([clear, wide], TILE, cover=1, at_most=9, snowy=False) == [clear]


def test_granules_of_an_acquisition_cover_together() -> None:
    north, south = (offer(0, footprint=outline(b), cloud=5.0, generated=g) for b, g in ((NORTH, "1"), (SOUTH, "2")))
    both = Acquisition((north, south))
    offered = [both, *scenes([WEST, EAST], [0, 0])]
    assert choose_scenes(offered, TILE, cover=1, at_most=9, snowy=False) == [both]


def test_more_small_scenes_than_can_be_tried_cover_the_tile_without_a_needless_one() -> None:
    columns = [(column, row, column + 1, row + 1) for column, row in sorted(CELLS)]
    boxes: list[Box] = [*columns, WEST]
    offered = scenes(boxes, [*range(len(columns)), 99])
    chosen = choose_scenes(offered, TILE, cover=1, at_most=99, snowy=False)
    by_name = {a.offers[0].name: b for a, b in zip(offered, boxes, strict=True)}
    assert covered(chosen, by_name) == CELLS
    assert all(covered([a for a in chosen if a is not one], by_name) != CELLS for one in chosen)


def test_forty_scenes_of_many_shapes_are_searched_exactly() -> None:
    # Strips of two columns and two rows, none within another: no two cover the tile, some four do.
    strips: list[Box] = [(i, 0, i + 2, SIDE) for i in range(SIDE - 1)] + [(0, i, SIDE, i + 2) for i in range(SIDE - 1)]
    boxes = [strips[i % len(strips)] for i in range(40)]
    chosen = choose_scenes(scenes(boxes, range(40)), TILE, cover=1, at_most=99, snowy=False)
    size, costs = best_sizes_and_costs(boxes[: len(strips)], range(len(strips)))
    assert len(chosen) == size == 4
    assert sorted((a.cloud for a in chosen), reverse=True) == costs


# Duplicates


def names(acquisitions: Collection[Acquisition]) -> list[list[str]]:
    return [[o.name for o in a.offers] for a in acquisitions]


def test_of_twins_the_highest_baseline_is_taken() -> None:
    old = offer(baseline="02.07", generated="20180418T125432")
    new = offer(baseline="05.00", generated="20230812T090144", datastrip=DAY + timedelta(seconds=2))
    for offers in ([old, new], [new, old]):
        assert resolve_duplicates(offers, Baselines()) == [Acquisition((new,))]
        assert resolve_duplicates(offers, Baselines(highest="04.99")) == [Acquisition((old,))]
        assert resolve_duplicates(offers, Baselines(lowest="05.00")) == [Acquisition((new,))]
        assert resolve_duplicates(offers, Baselines(lowest="05.01")) == []


def test_of_one_baseline_the_newest_product_is_taken() -> None:
    older, newer = (offer(generated=text) for text in ("20230812T090144", "20230901T000000"))
    assert resolve_duplicates([newer, older], Baselines()) == [Acquisition((newer,))]


def test_what_is_not_a_baseline_is_dropped() -> None:
    strange, old = offer(baseline="99.99"), offer(baseline="02.07")
    assert resolve_duplicates([strange, old], Baselines()) == [Acquisition((old,))]
    assert resolve_duplicates([strange], Baselines("00.00", "99.99")) == []


def test_granules_of_datastrips_minutes_apart_complete_each_other() -> None:
    first = offer(generated="20230812T090144", cloud=3.0, snow=1.0)
    second = offer(generated="20230812T090200", datastrip=DAY + timedelta(minutes=4), cloud=40.0)
    again = offer(generated="20230813T000000", datastrip=DAY + timedelta(minutes=4, seconds=2), cloud=41.0)
    (only,) = resolve_duplicates([again, second, first], Baselines())
    assert only.offers == (first, again)
    assert (only.cloud, only.snow) == (41.0, 1.0)


ACQUISITIONS = st.tuples(st.integers(0, 2), st.sampled_from(["S2A", "S2B"]))
VERSIONS = st.tuples(
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["02.07", "03.01", "05.00", "05.10", "99.99"]),
    st.integers(1, 5),
)


@modest
@given(
    st.lists(st.tuples(ACQUISITIONS, VERSIONS), max_size=12, unique=True),
    st.sampled_from(["00.00", "03.00", "05.00"]),
    st.sampled_from(["99.98", "05.00", "03.00"]),
)
def test_the_best_allowed_version_of_each_datastrip_is_kept_and_nothing_else(
    drawn: list[tuple[tuple[int, str], tuple[int, int, str, int]]], lowest: str, highest: str
) -> None:
    offers: list[Offer] = []
    strips: dict[tuple[int, str, int], list[Offer]] = {}
    for (day, platform), (strip, late, baseline, generated) in drawn:
        start = DAY + timedelta(days=day)
        made = offer(
            platform=platform,
            start=start,
            datastrip=start + timedelta(minutes=3 * strip, seconds=late),
            baseline=baseline,
            generated=f"2023081{generated}T000000",
            name=f"{platform}-{day}-{strip}-{late}-{baseline}-{generated}",
        )
        offers.append(made)
        if lowest <= baseline <= highest and baseline != "99.99":
            strips.setdefault((day, platform, strip), []).append(made)
    kept = resolve_duplicates(offers, Baselines(lowest, highest))
    flat = [o for a in kept for o in a.offers]
    assert len(flat) == len(strips)
    for (day, platform, strip), versions in strips.items():
        (mine,) = [o for o in flat if o.name.startswith(f"{platform}-{day}-{strip}-")]
        assert (mine.baseline, mine.generated) == max((o.baseline, o.generated) for o in versions)
    assert len(kept) == len({key[:2] for key in strips})
    assert [a.start for a in kept] == sorted(a.start for a in kept)
    assert names(resolve_duplicates(reversed(offers), Baselines(lowest, highest))) == names(kept)
