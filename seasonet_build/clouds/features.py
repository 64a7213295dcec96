"""What a trained model is told of a patch: a row of numbers."""

import numpy as np
from numpy.typing import NDArray

from seasonet_build.clouds.images import PatchImages
from seasonet_build.clouds.measures import block_sums, bright_pixels, percentiles, vapour_ratios
from seasonet_build.model.bands import REFLECTANCE_SCALE
from seasonet_build.model.tables import SCL_PIXELS

Floats = NDArray[np.float64]

FEATURES_VERSION = 1
"""Raised when the meaning of a feature changes, so that older models and tables are refused."""

_PERCENTS = [5, 25, 50, 75, 95]
_TEXTURE_PERCENTS = [50, 75, 95]


def _features() -> dict[str, str]:
    units = {
        "b11": "reflectance",
        "b12": "reflectance",
        "ndsi": "-1..1",
        "vapour": "B09/B8A",
        "brightness": "reflectance",
    }
    table = {f"{name}_p{percent:02d}": unit for name, unit in units.items() for percent in _PERCENTS}
    table |= {f"texture_p{percent:02d}": "reflectance" for percent in _TEXTURE_PERCENTS}
    return table | dict.fromkeys(("bright", "scl_cloud", "scl_snow"), "share 0..1")


FEATURES: dict[str, str] = _features()
"""Name and unit of each feature, in the order of columns.

``b11``, ``b12``: pixels of 20 m. ``ndsi``: (B03 - B11) / (B03 + B11). ``vapour``: pixels of 60 m. ``brightness``: mean
of B02, B03, B04. ``texture``: difference of brightness between neighbours. ``bright``: what the screen counts.
``scl_*``: shares of the scene classification; NaN where there is none.
"""


def patch_features(images: PatchImages, cloud: Floats, snow: Floats) -> Floats:
    """Return the features of patches, shape (n, len(FEATURES)); NaN: not known.

    Args:
        images: the patches.
        cloud: share of cloud in the scene classification, 0..1, shape (n,); NaN: not known.
        snow: share of snow.
    """
    visible = block_sums_of_bands(images) / (4 * REFLECTANCE_SCALE)
    infrared = images.infrared / REFLECTANCE_SCALE
    b11, b12, green, brightness = infrared[..., 1], infrared[..., 2], visible[..., 1], visible.sum(axis=-1) / 3
    with np.errstate(invalid="ignore"):
        ndsi = (green - b11) / (green + b11)
    columns = [percentiles(_flat(values), _PERCENTS) for values in (b11, b12, ndsi)]
    columns += [percentiles(vapour_ratios(images), _PERCENTS), percentiles(_flat(brightness), _PERCENTS)]
    columns += [percentiles(_texture(brightness), _TEXTURE_PERCENTS)]
    columns += [(bright_pixels(images) / SCL_PIXELS)[:, np.newaxis], cloud[:, np.newaxis], snow[:, np.newaxis]]
    return np.concatenate(columns, axis=1)


def block_sums_of_bands(images: PatchImages) -> NDArray[np.int32]:
    """Return B04, B03, B02 added up to pixels of 20 m, shape (n, 60, 60, 3)."""
    bands = np.moveaxis(images.visible, -1, 0)
    return np.stack([block_sums(band.astype(np.int32), 2) for band in bands], axis=-1)


def _texture(brightness: Floats) -> Floats:
    """Return how much each pixel differs from its neighbours in the east and south, shape (n, 59 * 59)."""
    corner = brightness[:, :-1, :-1]
    east, south = brightness[:, :-1, 1:] - corner, brightness[:, 1:, :-1] - corner
    return _flat(np.maximum(np.abs(east), np.abs(south)))


def _flat(values: Floats) -> Floats:
    return values.reshape(len(values), -1)
