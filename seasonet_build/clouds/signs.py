"""The signs of cloud in patches, from products or from patch folders alike."""

import numpy as np
from numpy.typing import NDArray

from seasonet_build.clouds.features import patch_features
from seasonet_build.clouds.images import PatchImages
from seasonet_build.clouds.measures import bright_pixels, high_vapour, vapour_ratios
from seasonet_build.clouds.model_file import CloudModel

Floats = NDArray[np.float64]

SIGNS = ("bright", "vapour", "score")
"""Columns of the table CLOUD_SIGNS that are found in the pixels."""


def find_signs(images: PatchImages, cloud: Floats, snow: Floats, model: CloudModel | None) -> Floats:
    """Return the columns SIGNS, shape (n, 3); without a model, scores are NaN.

    Args:
        images: the patches.
        cloud: shares of cloud in the scene classification, 0..1, shape (n,).
        snow: shares of snow.
        model: what gives scores.
    """
    score = np.full(len(images), np.nan) if model is None else model.scores(patch_features(images, cloud, snow))
    return np.column_stack([bright_pixels(images), high_vapour(vapour_ratios(images)), score])
