"""What the screen measures in a patch: bright pixels that are not snow, and water vapour corrected too much.

Snow is bright in visible light and dark in the short-wave infrared (B11 reflects 0.05 to 0.21 for grains of 250 to
50 um; Wiscombe and Warren 1980); water cloud over snow reflects 0.27 to 0.73 there, ice cloud 0.22 to 0.37, while NDSI
alone does not tell ice cloud from snow. B09 lies in an absorption band of water vapour: Sen2Cor corrects it for a
whole column of vapour, of which there is little above a cloud, so that B09/B8A comes out too high: medians of 1.7 to
2.8 in an overcast scene, of 0.98 to 1.05 in 17 clear ones.
"""

import numpy as np
from numpy.typing import NDArray

from seasonet_build.clouds.images import PatchImages
from seasonet_build.model.bands import REFLECTANCE_SCALE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BRIGHT_VISIBLE = 0.25
"""A pixel is bright if B02, B03 and B04 together reflect more than this on average."""

BRIGHT_INFRARED = 0.20
"""A bright pixel is not snow if B11 reflects more than this."""

VAPOUR_PERCENT = 75
"""The percentile of B09/B8A that counts."""

_VISIBLE, _COARSE = 2, 3  # pixels of 10 m along one of 20 m, pixels of 20 m along one of 60 m
_B8A, _B11 = 0, 1


def bright_pixels(images: PatchImages) -> Ints:
    """Return the pixels of 20 m, of 3600, that are bright in visible light and in B11, shape (n,).

    The sums are whole numbers, so that nothing is rounded.
    """
    visible = block_sums(images.visible.sum(axis=-1, dtype=np.int32), _VISIBLE)
    per_pixel = images.visible.shape[-1] * _VISIBLE**2
    bright = visible > round(BRIGHT_VISIBLE * REFLECTANCE_SCALE) * per_pixel
    bright &= images.infrared[..., _B11] > round(BRIGHT_INFRARED * REFLECTANCE_SCALE)
    counts: Ints = np.count_nonzero(bright, axis=(1, 2))
    return counts


def vapour_ratios(images: PatchImages) -> Floats:
    """Return B09/B8A of every pixel of 60 m, shape (n, 400); NaN where there is no data."""
    narrow = block_sums(images.infrared[..., _B8A].astype(np.int32), _COARSE).reshape(len(images), -1)
    vapour = images.vapour.reshape(len(images), -1).astype(np.float64)
    ratios = np.full(narrow.shape, np.nan)
    np.divide(vapour * _COARSE**2, narrow, out=ratios, where=(narrow > 0) & (vapour > 0))
    return ratios


def high_vapour(ratios: Floats) -> Floats:
    """Return the 75th percentile of B09/B8A of each patch, shape (n,); NaN for a patch without data."""
    return percentiles(ratios, [VAPOUR_PERCENT])[:, 0]


def percentiles(values: Floats, percents: list[int]) -> Floats:
    """Return percentiles along the last axis, interpolated linearly, shape (n, percents); NaN does not count."""
    whole = ~np.isnan(values).any(axis=1)
    found = np.full((len(values), len(percents)), np.nan)
    if whole.any():
        found[whole] = np.percentile(values[whole], percents, axis=1).T
    for i in np.flatnonzero(~whole):
        known = values[i][~np.isnan(values[i])]
        if known.size:
            found[i] = np.percentile(known, percents)
    return found


def block_sums(values: NDArray[np.int32], side: int) -> NDArray[np.int32]:
    """Return the sums of square blocks of pixels, shape (n, height / side, width / side)."""
    n, height, width = values.shape
    blocks = values.reshape(n, height // side, side, width // side, side)
    sums: NDArray[np.int32] = blocks.sum(axis=(2, 4), dtype=np.int32)
    return sums
