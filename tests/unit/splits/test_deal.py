"""The deal of a dataset: both methods, what stays, what is refused."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.errors import DataError
from seasonet_build.model.layout import SPLITS
from seasonet_build.splits.balance import NO_SIDE, Sides, balance_columns
from seasonet_build.splits.dataset import Sampled
from seasonet_build.splits.deal import Deal, deal
from seasonet_build.splits.overlaps import find_pairs
from tests.unit.helpers import few
from tests.unit.splits.maps import (
    ONE_TILE,
    TWO_ZONES,
    Spot,
    make_spots,
    maps,
    options,
    overlaps,
    read_map,
    sampled_order,
)

BLOCKS: dict[str, Any] = {"method": "blocks", "block_m": 2400}
METHODS = [{"method": "official"}, BLOCKS]


def dealt(sampled: Sampled, kept: Sides | None = None, **changes: Any) -> Deal:
    return deal(sampled, find_pairs(sampled.places), options(**changes), kept)


@few
@given(st.integers(0, 99), st.integers(0, 99), st.sampled_from([0, 1]))
def test_blocks_leave_no_overlap_even_when_sides_are_kept(tmp_path_factory, map_seed, seed, buffer):
    spots = make_spots(TWO_ZONES, map_seed, reach=5)
    old = [spot for i, spot in enumerate(spots) if i % 3]
    folder = tmp_path_factory.mktemp("map")
    before, after = read_map(folder / "old", old), read_map(folder / "new", spots)
    first = dealt(before, **BLOCKS, seed=seed, buffer=buffer)
    kept = np.full(len(after.key), NO_SIDE, dtype=np.int8)
    kept[np.searchsorted(after.key, before.key)] = first.sides
    second = dealt(after, kept, **BLOCKS, seed=seed, buffer=buffer)
    assert (second.kept, second.moved) == (int((first.sides != NO_SIDE).sum()), 0)
    assert (second.sides[kept != NO_SIDE] == kept[kept != NO_SIDE]).all()
    new = (kept == NO_SIDE) & (second.sides != NO_SIDE)
    assert new.any()
    on_side = second.sides != NO_SIDE
    apart = (second.sides[:, None] != second.sides) & on_side[:, None] & on_side
    assert not (overlaps(sampled_order(spots)) & apart).any()


@few
@given(spots=maps, seed=st.integers(0, 99))
def test_official_sets_nothing_aside(tmp_path_factory, spots, seed):
    result = dealt(read_map(tmp_path_factory.mktemp("map"), spots), seed=seed)
    assert (result.kept, result.moved) == (0, 0)
    assert set(result.sides.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize("balance", [["slraum", "rtyp3", "ktyp4"], ["levels"]])
def test_balanced_columns_are_more_even_than_without(tmp_path, how, balance):
    spots = make_spots(ONE_TILE, seed=6, reach=14)
    sampled = read_map(tmp_path, spots, balance)
    plain = read_map(tmp_path, spots)
    n_others = balance_columns(plain.locations).shape[1]
    extra = balance_columns(sampled.locations)[:, n_others:]

    def unevenness(sides: Sides) -> float:
        sums = np.stack([extra[sides == side].sum(axis=0) for side in range(3)])
        size = np.array([(sides == side).mean() for side in range(3)])[:, None]
        return float(np.abs(sums / size - 1).mean())

    assert extra.shape[1] > 3
    with_them = np.mean([unevenness(dealt(sampled, **how, seed=seed).sides) for seed in range(3)])
    without = np.mean([unevenness(dealt(plain, **how, seed=seed).sides) for seed in range(3)])
    assert with_them < without


def few_locations(n_first: int, n_second: int) -> list[Spot]:
    spots = make_spots(ONE_TILE)
    first, second = ([spot for spot in spots if spot.grid == grid] for grid in (1, 2))
    return [*first[:n_first], *second[:n_second]]


@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((20, 4), "grid 2 has 4 locations: the val set would be empty; set split.val to 0 (it is 0.1)"),
        ((1, 20), "grid 1 has 1 locations: the val set would be empty"),
        ((2, 0), "grid 1 has 2 locations: the val set would be empty"),
    ],
)
def test_too_few_locations_for_a_share(tmp_path, how, counts, said):
    with pytest.raises(DataError, match=re.escape(said)):
        dealt(read_map(tmp_path, few_locations(*counts)), **how)


@pytest.mark.parametrize("how", METHODS)
def test_shares_of_nothing_need_no_locations(tmp_path, how):
    sampled = read_map(tmp_path, few_locations(1, 2))
    for split in SPLITS:
        shares: dict[str, Any] = {name: float(name == split) for name in SPLITS}
        assert set(dealt(sampled, **how, **shares).sides.tolist()) == {SPLITS.index(split)}


def test_blocks_that_are_too_few_for_all_sets(tmp_path):
    sampled = read_map(tmp_path, make_spots(ONE_TILE))
    with pytest.raises(
        DataError, match=r"the (train|val|test) set would be empty: set split.block_m to less than 1e\+06"
    ):
        dealt(sampled, method="blocks", block_m=1e6)


def test_kept_sides_that_leave_a_set_empty(tmp_path):
    sampled = read_map(tmp_path, make_spots(ONE_TILE))
    kept = np.zeros(len(sampled.key), dtype=np.int8)
    with pytest.raises(DataError, match=r"the val set would be empty: set split\.keep to false"):
        dealt(sampled, kept)


@pytest.mark.parametrize("how", METHODS)
def test_a_dataset_without_samples_is_dealt(tmp_path, how):
    assert len(dealt(read_map(tmp_path, []), **how).sides) == 0
