"""Splits by blocks: whole blocks, cleared borders, balance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.model.layout import SPLITS
from seasonet_build.splits.balance import NO_SIDE, class_deviations
from seasonet_build.splits.blocks import block_of, clear_borders, split_by_blocks
from seasonet_build.splits.overlaps import Pairs, find_pairs
from tests.unit.helpers import few
from tests.unit.splits.maps import ONE_TILE, make_spots, maps, near, overlaps, read_map, sampled_order

TRAIN, VAL, TEST = range(3)
PAPER = (0.7, 0.1, 0.2)
BLOCK_M = 2400.0


@few
@given(spots=maps, seed=st.integers(0, 99), buffer=st.sampled_from([0, 1]))
def test_no_patches_of_different_splits_overlap(tmp_path_factory, spots, seed, buffer):
    sampled, spots = read_map(tmp_path_factory.mktemp("map"), spots), sampled_order(spots)
    dealt = split_by_blocks(sampled.locations, sampled.places.centres(), PAPER, seed, BLOCK_M)
    cleared = clear_borders(dealt, find_pairs(sampled.places), buffer)
    forbidden = near(spots) if buffer else overlaps(spots)
    on_side = cleared != NO_SIDE
    assert not (forbidden & (cleared[:, None] != cleared) & on_side[:, None] & on_side).any()
    # The others stay where they were dealt; what is set aside gave way to a higher one that is still there.
    assert (cleared[on_side] == dealt[on_side]).all()
    higher = forbidden & on_side & (cleared > dealt[:, None])
    assert higher[~on_side].any(axis=1).all()
    assert not (dealt[~on_side] == TEST).any()


@few
@given(spots=maps, seed=st.integers(0, 99))
def test_blocks_are_whole(tmp_path_factory, spots, seed):
    sampled = read_map(tmp_path_factory.mktemp("map"), spots)
    centres = sampled.places.centres()
    sides = split_by_blocks(sampled.locations, centres, PAPER, seed, BLOCK_M)
    blocks = block_of(centres, BLOCK_M)
    squares = {(int(x // BLOCK_M), int(y // BLOCK_M)) for x, y in centres}
    assert len(squares) == blocks.max() + 1
    for block in range(blocks.max() + 1):
        own = blocks == block
        assert len(set(sides[own])) == 1
        assert np.ptp(centres[own], axis=0).max() < BLOCK_M


def test_who_gives_way_to_whom():
    # A row of patches, each overlapping the next.
    sides = np.array([TRAIN, VAL, TEST, TRAIN, TRAIN, VAL, TRAIN], dtype=np.int8)
    members = np.column_stack([np.arange(6), np.arange(1, 7)])
    cleared = clear_borders(sides, Pairs(members, np.ones(6, dtype=bool)), 0)
    # The first stays: the one it would have given way to gave way itself.
    assert cleared.tolist() == [TRAIN, NO_SIDE, TEST, NO_SIDE, NO_SIDE, VAL, NO_SIDE]


def test_touching_counts_with_a_buffer_only():
    sides, members = np.array([TRAIN, TEST], dtype=np.int8), np.array([[0, 1]])
    touching = Pairs(members, np.array([False]))
    assert clear_borders(sides, touching, 0).tolist() == [TRAIN, TEST]
    assert clear_borders(sides, touching, 1).tolist() == [NO_SIDE, TEST]


def test_new_patches_give_way_to_those_that_keep_their_side():
    sides, pairs = np.array([TRAIN, TEST], dtype=np.int8), Pairs(np.array([[0, 1]]), np.array([True]))
    for kept, expected in (([TRAIN, NO_SIDE], [TRAIN, NO_SIDE]), ([NO_SIDE, TEST], [NO_SIDE, TEST])):
        assert clear_borders(sides, pairs, 0, np.array(kept, dtype=np.int8)).tolist() == expected


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """24 x 24 cells of both grids."""
    return read_map(tmp_path_factory.mktemp("map"), make_spots(ONE_TILE, seed=3, reach=12, n_classes=4))


def test_sizes_and_classes_are_balanced(big):
    centres = big.places.centres()
    sides = split_by_blocks(big.locations, centres, PAPER, 1, BLOCK_M)
    n = big.locations.n_images
    assert [n[sides == side].sum() / n.sum() for side in range(3)] == pytest.approx(PAPER, abs=0.02)
    blocks = block_of(centres, BLOCK_M)
    plain = [np.random.default_rng(seed).choice(3, size=blocks.max() + 1, p=PAPER)[blocks] for seed in range(5)]
    ours, *theirs = (np.nanmean(np.abs(class_deviations(big.locations, s, 3)[0])) for s in (sides, *plain))
    assert ours < np.mean(theirs)


def test_neighbouring_blocks_are_preferably_on_one_side(big):
    centres = big.places.centres()
    sides = split_by_blocks(big.locations, centres, PAPER, 1, BLOCK_M)
    blocks = block_of(centres, BLOCK_M)
    of_block = np.array([sides[blocks == block][0] for block in range(blocks.max() + 1)])
    shuffled = np.random.default_rng(1).permutation(of_block)[blocks].astype(np.int8)
    pairs = find_pairs(big.places)
    ours, theirs = ((clear_borders(s, pairs, 0) == NO_SIDE).sum() for s in (sides, shuffled))
    assert 0 < ours < theirs


@pytest.mark.parametrize("empty", range(3))
def test_a_set_without_a_share_stays_empty(big, empty):
    shares = [0.5 * (side != empty) for side in range(3)]
    sides = split_by_blocks(big.locations, big.places.centres(), shares, 1, BLOCK_M)
    assert set(sides.tolist()) == set(range(3)) - {empty}


@pytest.mark.parametrize("split", range(len(SPLITS)))
def test_one_set_may_have_all(big, split):
    shares = [float(side == split) for side in range(3)]
    sides = split_by_blocks(big.locations, big.places.centres(), shares, 1, BLOCK_M)
    assert set(sides.tolist()) == {split}


def test_blocks_keep_the_side_of_what_is_in_them(big):
    centres = big.places.centres()
    first = split_by_blocks(big.locations, centres, PAPER, 1, BLOCK_M)
    known = np.random.default_rng(2).random(len(first)) < 0.3
    kept = np.where(known, first, NO_SIDE).astype(np.int8)
    again = split_by_blocks(big.locations, centres, PAPER, 2, BLOCK_M, kept)
    blocks = block_of(centres, BLOCK_M)
    settled = np.isin(blocks, blocks[known])
    assert (again[settled] == first[settled]).all()
