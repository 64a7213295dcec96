"""The report of a split and its figure."""

import numpy as np
import pytest

from seasonet_build.model.classes import CLASSES
from seasonet_build.splits.balance import NO_SIDE, class_deviations
from seasonet_build.splits.dataset import Sampled
from seasonet_build.splits.figure import draw_distribution
from seasonet_build.splits.overlaps import find_pairs
from seasonet_build.splits.report import describe_sides
from tests.unit.splits.maps import ONE_TILE, make_spots, read_map, sampled_order

BLOCK_M = 2400.0
SIDES = ("train", "val", "test")


@pytest.fixture(scope="module")
def spots():
    return make_spots(ONE_TILE, seed=8, n_classes=9)


@pytest.fixture(scope="module")
def sampled(spots, tmp_path_factory):
    return read_map(tmp_path_factory.mktemp("map"), spots)


@pytest.fixture(scope="module")
def sides(sampled: Sampled):
    return np.random.default_rng(1).choice([NO_SIDE, 0, 1, 2], size=len(sampled.key), p=[0.1, 0.6, 0.1, 0.2])


@pytest.fixture(scope="module")
def report(sampled: Sampled, sides):
    return describe_sides(sampled, sides.astype(np.int8), find_pairs(sampled.places), BLOCK_M)


def test_sizes_are_counted_by_split_grid_and_season(report, spots, sides):
    placed = list(zip(sampled_order(spots), sides.tolist(), strict=True))
    for side, name in enumerate(SIDES):
        own = [spot for spot, its in placed if its == side]
        assert report["locations"][name] == {f"grid{g}": sum(spot.grid == g for spot in own) for g in (1, 2)}
        seasons = ("Spring", "Summer", "Fall", "Winter", "Snow")
        images = {season.lower(): sum(season in spot.seasons for spot in own) for season in seasons}
        assert report["images"][name] == {**images, "all": sum(images.values())}
        by_grid = {f"grid{g}": sum(len(spot.seasons) for spot in own if spot.grid == g) for g in (1, 2)}
        assert report["images_by_grid"][name] == by_grid
    aside = [spot for spot, its in placed if its == NO_SIDE]
    assert report["set_aside"] == {"locations": len(aside), "images": sum(len(spot.seasons) for spot in aside)}


def test_classes_have_their_images_pixels_and_deviations(report, spots, sampled, sides):
    by_images, by_pixels = class_deviations(sampled.locations, sides, 3)
    present = sorted({label for spot in spots for label in spot.pixels})
    assert list(report["classes"]) == [str(label) for label in present]
    for label in present:
        found = report["classes"][str(label)]
        own = [spot for spot in spots if label in spot.pixels]
        assert found["images"] == sum(len(spot.seasons) for spot in own)
        assert found["pixels"] == sum(len(spot.seasons) * spot.pixels[label] for spot in own)
        for key, deviations in (("images_off_pct", by_images), ("pixels_off_pct", by_pixels)):
            assert list(found[key]) == list(SIDES)
            assert list(found[key].values()) == pytest.approx((100 * deviations[:, label - 1]).tolist(), abs=1e-3)
    offs = [abs(value) for c in report["classes"].values() for value in c["images_off_pct"].values()]
    assert report["worst_class_pct"] == max(offs)
    assert report["mean_class_pct"] == pytest.approx(np.mean(offs), abs=1e-3)


def test_classes_far_from_their_share_are_listed_with_their_blocks(report, spots):
    for far in report["far_classes"]:
        found = report["classes"][str(far["label"])]["images_off_pct"]
        assert far["off_pct"] == max(abs(value) for value in found.values()) > 5
        assert far["name"] == CLASSES[far["label"] - 1].name
        centres = [spot.outline.centroid for spot in spots if far["label"] in spot.pixels]
        assert far["blocks"] == len({(c.x // BLOCK_M, c.y // BLOCK_M) for c in centres})
    listed = {str(far["label"]) for far in report["far_classes"]}
    near = {k: c for k, c in report["classes"].items() if k not in listed}
    assert all(abs(value) <= 5 for c in near.values() for value in c["images_off_pct"].values())
    assert listed


def test_an_empty_set_has_no_deviations(sampled):
    sides = np.zeros(len(sampled.key), dtype=np.int8)
    report = describe_sides(sampled, sides, find_pairs(sampled.places), BLOCK_M)
    assert all(c["images_off_pct"] == {"train": 0.0, "val": None, "test": None} for c in report["classes"].values())
    assert (report["worst_class_pct"], report["far_classes"]) == (0.0, [])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("parquet", ["with pixels", "without"])
def test_the_figure_is_a_picture_and_the_same_each_time(sampled, sides, tmp_path, parquet):
    if parquet == "without":
        sampled.locations.pixels[:] = 0
    for name in ("a.png", "b.png"):
        draw_distribution(sampled, sides.astype(np.int8), tmp_path / "deep" / name)
    one, other = ((tmp_path / "deep" / name).read_bytes() for name in ("a.png", "b.png"))
    assert one == other
    assert one.startswith(b"\x89PNG")


@pytest.mark.filterwarnings("error")
def test_the_figure_of_nothing(tmp_path):
    sampled = read_map(tmp_path, [])
    draw_distribution(sampled, np.zeros(0, dtype=np.int8), tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000
