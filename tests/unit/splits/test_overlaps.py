"""Pairs of patches that overlap or touch, against polygons of all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.splits.overlaps import Places, find_pairs
from tests.unit.helpers import few
from tests.unit.splits.maps import THREE_TILES, TWO_ZONES, make_spots, near, overlaps

UTM = 32632


def pairs_of(places: Places) -> dict[tuple[int, int], bool]:
    found = find_pairs(places)
    return {(int(a), int(b)): bool(o) for (a, b), o in zip(found.members, found.overlap, strict=True)}


@few
@given(st.sampled_from([TWO_ZONES, THREE_TILES]), st.integers(0, 1000))
def test_pairs_are_those_of_brute_force(tiles, seed):
    spots = make_spots(tiles, seed, reach=2, density=0.7)
    places = Places(*(np.array([getattr(spot, name) for spot in spots]) for name in ("epsg", "x", "y")))
    overlap = overlaps(spots)
    related = {(int(i), int(j)): bool(overlap[i, j]) for i, j in np.argwhere(near(spots)) if i < j}
    assert pairs_of(places) == related
    assert any(spots[i].epsg != spots[j].epsg for i, j in related)


@pytest.mark.parametrize(
    ("dx", "dy", "said"),
    [
        (0, 0, True),
        (600, 600, True),
        (1199, 1199, True),
        (1199, 0, True),
        (1200, 0, False),
        (1200, 1200, False),
        (-1200, 1200, False),
        (1201, 0, None),
        (1200, 1201, None),
        (1800, 600, None),
    ],
)
def test_a_metre_decides_within_a_zone(dx, dy, said):
    places = Places(np.array([UTM, UTM]), np.array([500_000, 500_000 + dx]), np.array([5_600_000, 5_600_000 + dy]))
    assert pairs_of(places) == ({} if said is None else {(0, 1): said})


@pytest.mark.parametrize("n", [0, 1])
def test_few_patches_have_no_pairs(n):
    places = Places(np.full(n, UTM), np.full(n, 500_000), np.full(n, 5_600_000))
    found = find_pairs(places)
    assert (found.members.shape, found.overlap.shape) == ((0, 2), (0,))


def test_centres_are_metres_on_one_plane():
    # The same ground in two zones.
    one, other = (spots[0] for spots in (make_spots({name: point}, 1, 1) for name, point in TWO_ZONES.items()))
    for spot in (one, other):
        places = Places(np.array([spot.epsg]), np.array([spot.x]), np.array([spot.y]))
        centre = spot.outline.centroid
        assert np.allclose(places.centres(), [[centre.x, centre.y]], atol=0.5)
