"""What the screen says of patches at its limits, and of made-up snow and cloud."""

import numpy as np
import pytest
from numpy.typing import NDArray

from seasonet_build.clouds.images import PatchImages
from seasonet_build.clouds.measures import bright_pixels, high_vapour, vapour_ratios
from seasonet_build.clouds.verdict import screen
from seasonet_build.config.snow import SnowSection
from seasonet_build.demo.sky import CLOUDS, Cover, cloud_layer, make_patches


def cloudy(images: PatchImages) -> NDArray[np.bool_]:
    return screen(bright_pixels(images), high_vapour(vapour_ratios(images)), SnowSection())


def snow(bright: int = 0, b09: int = 6000) -> PatchImages:
    """A plain patch of snow with some bright pixels and the given B09; B8A is 6000."""
    infrared = np.full((1, 3600, 3), 1000, np.uint16)
    infrared[..., 0] = 6000
    infrared[:, :bright, 1] = 4000
    return PatchImages(
        np.full((1, 120, 120, 3), 8000, np.uint16),
        infrared.reshape(1, 60, 60, 3),
        np.full((1, 20, 20), b09, np.uint16),
    )


def test_one_per_cent_of_bright_pixels_is_cloudy() -> None:
    assert not cloudy(snow(bright=35))
    assert cloudy(snow(bright=36))


def test_vapour_has_to_exceed_its_limit() -> None:
    assert not cloudy(snow(b09=7500))
    assert cloudy(snow(b09=7501))


def test_the_upper_quarter_of_the_vapour_counts() -> None:
    images = snow()
    images.vapour.reshape(-1)[:100] = 9000
    assert not cloudy(images)
    images.vapour.reshape(-1)[:101] = 9000
    assert cloudy(images)


def test_a_patch_without_vapour_is_cloudy() -> None:
    assert cloudy(snow(b09=0))


@pytest.mark.parametrize("ground", ["field", "conifers"])
@pytest.mark.parametrize("depth", [10, 20, 50])
@pytest.mark.parametrize("cloud", sorted(CLOUDS))
def test_thick_cloud_is_caught_over_any_share_of_snow(cloud: str, depth: float, ground: str) -> None:
    for share in (0.05, 0.2, 1.0):
        for snow_share in (0.5, 1.0):
            cover = Cover(cloud=cloud, depth=depth, cloud_share=share, snow_share=snow_share, ground=ground)
            assert cloudy(make_patches(cover, 4, seed=7)).all(), cover


@pytest.mark.parametrize("grains", ["100 um", "250 um", "wet"])
def test_clear_snow_of_larger_grains_is_never_cloudy(grains: str) -> None:
    assert not cloudy(make_patches(Cover(snow=grains), 25, seed=8)).any()


def test_ice_cloud_keeps_the_ndsi_of_snow_and_is_caught_all_the_same() -> None:
    images = make_patches(Cover(cloud="ice", depth=20, cloud_share=1.0), 10, seed=9)
    green, b11 = images.visible[:, ::2, ::2, 1].astype(float), images.infrared[..., 1].astype(float)
    assert np.median((green - b11) / (green + b11)) > 0.4
    assert cloudy(images).all()


def test_made_up_patches_are_repeatable_and_differ() -> None:
    cover = Cover(cloud="water", depth=5, cloud_share=0.2, snow_share=0.5, ground="grass")
    one, again, other = (make_patches(cover, 2, seed) for seed in (1, 1, 2))
    assert (one.visible == again.visible).all()
    assert (one.vapour == again.vapour).all()
    assert (one.visible != other.visible).any()
    assert (one.visible[0] != one.visible[1]).any()


@pytest.mark.parametrize("cloud", sorted(CLOUDS))
def test_clouds_keep_the_energy_of_light(cloud: str) -> None:
    for depth in (0.01, 1, 50, 5000):
        reflection, transmission = cloud_layer(cloud, depth)
        assert ((reflection + transmission) <= 1.0001).all()
        assert (reflection >= 0).all()
        assert (transmission >= 0).all()
    reflection, transmission = cloud_layer(cloud, 0.001)
    assert reflection.max() < 0.01
    assert transmission.min() > 0.99
