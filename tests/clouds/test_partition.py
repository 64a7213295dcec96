"""No date and no tile is on two sides, few patches are left out, and only the seed decides."""

import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seasonet_build.clouds.examples import Examples
from seasonet_build.clouds.features import FEATURES
from seasonet_build.clouds.partition import Partition, describe_side, part_examples
from seasonet_build.errors import DataError
from tests.clouds.synthetic import examples, shuffled
from tests.unit.helpers import modest

Row = tuple[int, int, bool, bool]


def made(rows: list[Row]) -> Examples:
    """Examples of a date, a tile, a class and a kind each."""
    dates, tiles, cloudy, uniform = zip(*rows, strict=True)
    return Examples(
        ids=tuple(f"{i:05d}" for i in range(len(rows))),
        dates=tuple(f"2018-01-{date + 1:02d}" for date in dates),
        tiles=tuple(f"32UA{tile}" for tile in tiles),
        uniform=np.array(uniform),
        cloudy=np.array(cloudy),
        features=np.zeros((len(rows), len(FEATURES))),
        source="labels.csv",
    )


def sides(given_examples: Examples, partition: Partition) -> list[Examples]:
    return [given_examples.take(p) for p in (partition.train, partition.calibration, partition.test)]


def check(given_examples: Examples, partition: Partition) -> None:
    parts = sides(given_examples, partition)
    for names in ("dates", "tiles", "ids"):
        seen = [{*getattr(part, names)} for part in parts]
        assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    for part in parts:
        assert part.cloudy.any() and not part.cloudy.all()
    assert parts[1].uniform.all() and parts[2].uniform.all()
    assert sum(map(len, parts)) + partition.mixed + partition.near == len(given_examples)


rows = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans(), st.booleans()), min_size=20, max_size=200
)


@given(rows, st.integers(0, 5), st.randoms(use_true_random=False))
@modest
def test_no_date_and_no_tile_is_on_two_sides_whatever_the_order(rows: list[Row], seed: int, random: object) -> None:
    given_examples = made(rows)
    try:
        partition = part_examples(given_examples, seed)
    except DataError as error:
        assert "label patches of more" in str(error)
        assume(False)
    check(given_examples, partition)
    order = np.random.default_rng(seed).permutation(len(rows))
    again = part_examples(given_examples.take(order), seed)
    for one, other in zip(sides(given_examples, partition), sides(given_examples.take(order), again), strict=True):
        assert sorted(one.ids) == sorted(other.ids)


@pytest.mark.parametrize("regions", [3, 4, 7, 15])
def test_little_is_left_out_where_regions_share_neither_dates_nor_tiles(regions: int) -> None:
    rows = [(r * 2 + i % 2, r * 2 + i // 2 % 2, i % 3 == 0, True) for r in range(regions) for i in range(40)]
    given_examples = made(rows)
    partition = part_examples(given_examples, 0)
    check(given_examples, partition)
    assert partition.mixed <= 0.1 * len(rows)
    shares = np.array([len(part) for part in sides(given_examples, partition)]) / len(rows)
    assert np.abs(shares - (0.6, 0.2, 0.2)).max() <= 1 / regions


def test_of_entangled_dates_and_tiles_every_side_gets_some() -> None:
    rng = np.random.default_rng(3)
    places = rng.integers(10, size=(2000, 2))
    given_examples = made([(d, t, rng.random() < 0.3, rng.random() < 0.7) for d, t in places.tolist()])
    partition = part_examples(given_examples, 0)
    check(given_examples, partition)
    assert partition.mixed > 0
    assert min(np.count_nonzero(part.cloudy) for part in sides(given_examples, partition)) >= 15


def test_patches_near_the_threshold_are_for_training_only() -> None:
    given_examples = examples(600)
    partition = part_examples(given_examples, 0)
    check(given_examples, partition)
    assert partition.near > 0
    assert not given_examples.uniform[partition.train].all()


def test_what_is_kept_of_a_side_does_not_depend_on_the_order() -> None:
    given_examples = examples(100)
    kept = describe_side(given_examples)
    assert kept == describe_side(shuffled(given_examples))
    assert kept["sha256"] != describe_side(given_examples.take(range(99)))["sha256"]
    assert (kept["examples"], kept["dates"]) == (100, sorted({*given_examples.dates}))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(0, 0, True, True), (0, 0, False, True)] * 5, "too few clear patches"),
        ([(i, i, False, True) for i in range(9)], "too few cloudy patches"),
        ([(i, i, True, False) for i in range(9)] + [(i, i, False, True) for i in range(9)], "too few cloudy patches"),
        ([(i, i, True, True) for i in range(3)] + [(i + 3, i + 3, False, True) for i in range(3)], None),
        ([(i, i % 3, i < 5, True) for i in range(9)] + [(9, 0, True, True), (9, 1, False, True)], None),
        ([(i, j, i == j, True) for i in range(3) for j in range(3)], "no way was found"),
    ],
)
def test_what_cannot_be_parted_is_refused_in_one_line(rows: list[Row], says: str | None) -> None:
    given_examples = made(rows)
    if says is None:
        check(given_examples, part_examples(given_examples, 0))
        return
    with pytest.raises(DataError, match=says) as refused:
        part_examples(given_examples, 0)
    assert "\n" not in str(refused.value) and "label patches of more" in str(refused.value)


def test_tens_of_thousands_of_patches_take_seconds() -> None:
    rng = np.random.default_rng(0)
    n = 50_000
    base = examples(n, regions=2)
    dates, tiles = rng.integers(100, size=n), rng.integers(70, size=n)
    large = Examples(
        base.ids,
        tuple(str(np.datetime64("2018-01-01") + int(d)) for d in dates),
        tuple(f"32U{t:03d}" for t in tiles),
        base.uniform,
        base.cloudy,
        base.features,
        "labels.csv",
    )
    start = time.monotonic()
    partition = part_examples(large, 0)
    assert time.monotonic() - start < 60
    check(large, partition)
