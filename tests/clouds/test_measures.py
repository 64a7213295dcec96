"""What the screen measures, beside a loop over pixels written from the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seasonet_build.clouds.features import FEATURES, patch_features
from seasonet_build.clouds.images import PatchImages
from seasonet_build.clouds.measures import bright_pixels, high_vapour, percentiles, vapour_ratios

TELLING = [0, 1, 1999, 2000, 2001, 2499, 2500, 2501, 10_000, 65_535]
"""Digital numbers at the limits of reflectance and of the type."""


def random_images(seed: int, n: int, coarse: int) -> PatchImages:
    """Pixels of which half are telling ones; ``coarse``: pixels of 60 m along a patch."""
    rng = np.random.default_rng(seed)

    def pixels(*shape: int) -> NDArray[np.uint16]:
        drawn = np.where(rng.random(shape) < 0.5, rng.choice(TELLING, shape), rng.integers(0, 5000, shape))
        return drawn.astype(np.uint16)

    side = coarse * 6
    visible = pixels(n, side, side, 3)
    # Whole blocks at the limit, else their mean would hardly ever be there.
    for image in visible:
        image[:4, :4] = rng.choice([2499, 2500, 2501])
    return PatchImages(visible, pixels(n, side // 2, side // 2, 3), pixels(n, coarse, coarse))


def plain(number: int, band: str, images: PatchImages) -> list[list[list[int]]]:
    kinds = {"visible": images.visible, "infrared": images.infrared}
    return kinds[band][number].tolist()  # type: ignore[no-any-return] # nested lists of Python's own numbers


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_bright_pixels_are_those_that_a_loop_counts(seed: int, n: int, coarse: int) -> None:
    images = random_images(seed, n, coarse)
    expected = []
    for number in range(n):
        visible, infrared = plain(number, "visible", images), plain(number, "infrared", images)
        count = 0
        for row in range(coarse * 3):
            for col in range(coarse * 3):
                fine = [visible[2 * row + down][2 * col + right] for down in (0, 1) for right in (0, 1)]
                mean = sum(sum(bands) for bands in fine) / 12
                count += mean > 2500 and infrared[row][col][1] > 2000
        expected.append(count)
    assert bright_pixels(images).tolist() == expected


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_vapour_ratios_are_those_of_a_loop(seed: int, n: int, coarse: int) -> None:
    images = random_images(seed, n, coarse)
    found = vapour_ratios(images)
    assert found.shape == (n, coarse * coarse)
    for number in range(n):
        infrared, vapour = plain(number, "infrared", images), images.vapour[number].tolist()
        for row in range(coarse):
            for col in range(coarse):
                block = [infrared[3 * row + down][3 * col + right][0] for down in range(3) for right in range(3)]
                ratio = found[number, row * coarse + col]
                if sum(block) == 0 or vapour[row][col] == 0:
                    assert np.isnan(ratio)
                else:
                    assert ratio == pytest.approx(vapour[row][col] / (sum(block) / 9), rel=1e-12)


@given(
    st.lists(
        st.lists(st.one_of(st.floats(-2, 70_000), st.just(float("nan"))), min_size=5, max_size=5),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=100, deadline=None)
@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_percentiles_are_those_of_numpy(rows: list[list[float]]) -> None:
    values = np.array(rows)
    percents = [0, 5, 25, 50, 75, 95, 100]
    expected = np.nanpercentile(values, percents, axis=1).T
    np.testing.assert_allclose(percentiles(values, percents), expected, rtol=1e-12, atol=1e-12)


def uniform(visible: int, b11: int, b8a: int = 6000, b09: int = 6000) -> PatchImages:
    infrared = np.full((1, 60, 60, 3), b11, np.uint16)
    infrared[..., 0] = b8a
    return PatchImages(np.full((1, 120, 120, 3), visible, np.uint16), infrared, np.full((1, 20, 20), b09, np.uint16))


def test_reflectance_at_a_limit_does_not_count() -> None:
    assert bright_pixels(uniform(2500, 9000)) == [0]
    assert bright_pixels(uniform(9000, 2000)) == [0]
    assert bright_pixels(uniform(2501, 2001)) == [3600]


def test_one_digital_number_in_a_pixel_of_20_m_lifts_it_above_the_limit() -> None:
    images = uniform(2500, 2001)
    images.visible[0, 37, 90, 1] += 1
    assert bright_pixels(images) == [1]


def test_largest_numbers_do_not_overflow() -> None:
    images = uniform(65_535, 65_535, b8a=65_535, b09=65_535)
    assert bright_pixels(images) == [3600]
    assert high_vapour(vapour_ratios(images)) == [1.0]


def test_a_patch_without_data_has_no_vapour_and_no_bright_pixels() -> None:
    images = uniform(0, 0, b8a=0, b09=0)
    assert bright_pixels(images) == [0]
    assert np.isnan(high_vapour(vapour_ratios(images))).all()


def test_features_hold_what_the_screen_measures() -> None:
    images = uniform(4000, 3000, b8a=4000, b09=5000)
    images.infrared[0, 0, :30, 1] = 0
    features = dict(zip(FEATURES, patch_features(images, np.array([0.25]), np.array([np.nan]))[0], strict=True))
    assert features["bright"] == 3570 / 3600
    assert features["vapour_p75"] == 1.25
    assert features["b11_p50"] == pytest.approx(0.3)
    assert features["ndsi_p50"] == pytest.approx(1 / 7)
    assert features["brightness_p05"] == pytest.approx(0.4)
    assert features["texture_p95"] == 0
    assert features["scl_cloud"] == 0.25
    assert np.isnan(features["scl_snow"])
