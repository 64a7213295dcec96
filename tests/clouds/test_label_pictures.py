"""The pictures that are labelled: each colour is what the stretch says, each patch the one that was asked for."""

import io
from datetime import datetime

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from seasonet_build.clouds.features import FEATURES
from seasonet_build.clouds.images import BANDS, PatchImages
from seasonet_build.clouds.pictures import Pictures, false_colour, jpeg, scene_pictures, stretched, true_colour
from seasonet_build.demo.safe import BAND_RESOLUTION
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.scenes import Scene
from tests.unit.helpers import ULX, ULY, synthetic, write_small

SIZE = 3600
CELLS = SIZE // 1200


def test_the_stretch_is_the_root_of_the_reflectance() -> None:
    shown = stretched(np.array([0, 1, 25, 300, 1500, 2500, 9000, 9999, 10_000, 10_001, 65_535], np.uint16))
    assert shown.tolist() == [0, 3, 13, 44, 99, 128, 242, 255, 255, 255, 255]
    assert (np.diff(stretched(np.arange(1 << 16, dtype=np.uint16)).astype(int)) >= 0).all()


def test_colours_are_the_bands_that_the_page_names() -> None:
    rng = np.random.default_rng(1)
    visible, infrared = (rng.integers(0, 12_000, (2, side, side, 3)).astype(np.uint16) for side in (120, 60))
    images = PatchImages(visible, infrared, np.ones((2, 20, 20), np.uint16))
    natural, unnatural = true_colour(images), false_colour(images)
    for patch, y, x in ((0, 0, 0), (1, 119, 119), (1, 64, 31)):
        b04, b03, b02 = visible[patch, y, x].tolist()
        _b8a, b11, b12 = infrared[patch, y // 2, x // 2].tolist()
        for shown, wanted in ((natural, (b04, b03, b02)), (unnatural, (b12, b11, b04))):
            expected = [round(255 * min(1.0, number / 10_000) ** 0.5) for number in wanted]
            assert shown[patch, y, x].tolist() == expected


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Nine patches, each of one colour: in each band, the digital number grows from cell to cell."""
    product = synthetic(size_m=SIZE, start=datetime(2019, 1, 20, 10, 40, 21))
    number = np.arange(CELLS * CELLS).reshape(CELLS, CELLS)
    bands = {}
    for i, (band, metres) in enumerate(BAND_RESOLUTION.items()):
        side = 1200 // metres
        bands[band] = (200 * (i + 1) + 800 * number).repeat(side, 0).repeat(side, 1).astype(np.uint16)
    folder = tmp_path_factory.mktemp("products")
    return Scene(products=(inspect_product(write_small(folder, product, bands=bands), BANDS),))


def drawn(scene: Scene, order: list[int]) -> Pictures:
    row, col = np.divmod(np.array(order), CELLS)
    cloud, snow = np.array(order) / 100, 1 - np.array(order) / 100
    return scene_pictures(scene, ULX + 1200 * col, ULY - 1200 * row, cloud, snow)


def pixels(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "JPEG"
        return np.asarray(image.convert("RGB"))


def test_pictures_and_features_are_of_the_patches_in_the_order_asked_for(scene: Scene) -> None:
    order = [7, 0, 5, 3, 8]
    pictures = drawn(scene, order)
    numbers = {band: 200 * (i + 1) for i, band in enumerate(BAND_RESOLUTION)}
    names = list(FEATURES)
    for i, cell in enumerate(order):
        for content, bands in ((pictures.true_colour[i], "B04 B03 B02"), (pictures.infrared[i], "B12 B11 B04")):
            shown = pixels(content)
            assert shown.shape == (120, 120, 3)
            values = np.array([numbers[band] + 800 * cell for band in bands.split()], np.uint16)
            assert np.abs(shown.astype(int) - stretched(values)).max() <= 3
        row = pictures.features[i]
        assert row[names.index("b11_p50")] == pytest.approx((numbers["B11"] + 800 * cell) / 10_000)
        assert (row[names.index("scl_cloud")], row[names.index("scl_snow")]) == (cell / 100, 1 - cell / 100)


def test_a_small_cloud_is_not_lost_in_the_file() -> None:
    cloud = (182, 208, 240)
    rng = np.random.default_rng(2)
    colours = np.clip(rng.normal(60, 6, (120, 120, 1)) + np.zeros(3), 0, 255).astype(np.uint8)
    colours[51:53, 71:73] = cloud
    shown = pixels(jpeg(colours)).astype(int)
    assert np.abs(shown[51:53, 71:73] - cloud).max() < 25


def test_the_same_patches_give_the_same_bytes(scene: Scene) -> None:
    one, other = (drawn(scene, [1, 4]) for _ in range(2))
    assert one.true_colour + one.infrared == other.true_colour + other.infrared
    assert (one.features == other.features).all()
