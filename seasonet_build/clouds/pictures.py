"""Pictures of patches for those who label them."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seasonet_build.clouds.features import patch_features
from seasonet_build.clouds.images import Ints, PatchImages, scene_images
from seasonet_build.model.bands import REFLECTANCE_SCALE
from seasonet_build.sources.scenes import Scene

Colours = NDArray[np.uint8]
Floats = NDArray[np.float64]

_RED = 0  # B04 of the visible bands
_B11, _B12 = 1, 2
_ZOOM = 2
_QUALITY = 92
"""Of JPEG, with colours at full resolution: a third of the size of PNG, and nothing lost that an eye would see."""


@dataclass(frozen=True)
class Pictures:
    """What is shown of n patches of a scene, as JPEG files of 120 x 120 px, and their features.

    ``features``: shape (n, len(FEATURES)), NaN: not known.
    """

    true_colour: tuple[bytes, ...]
    infrared: tuple[bytes, ...]
    features: Floats


def scene_pictures(scene: Scene, x: Ints, y: Ints, cloud: Floats, snow: Floats) -> Pictures:
    """Draw patches of a scene and take their features.

    Args:
        scene: where to read.
        x: west edges of the patches, metres, shape (n,).
        y: their north edges.
        cloud: shares of cloud in the scene classification, 0..1, shape (n,).
        snow: shares of snow.

    Returns:
        The pictures in the order of the arguments.

    Raises:
        ProductError: a band cannot be decoded.
    """
    drawn: dict[int, tuple[bytes, bytes, Floats]] = {}
    for members, images in scene_images(scene, x, y):
        features = patch_features(images, cloud[members], snow[members])
        for i, colour, infrared, row in zip(
            members.tolist(), true_colour(images), false_colour(images), features, strict=True
        ):
            drawn[i] = (jpeg(colour), jpeg(infrared), row)
    colours, infrareds, rows = zip(*(drawn[i] for i in range(len(x))), strict=True)
    return Pictures(colours, infrareds, np.stack(rows))


def true_colour(images: PatchImages) -> Colours:
    """Return B04, B03, B02 as red, green and blue, shape (n, 120, 120, 3); see :func:`stretched`."""
    return stretched(images.visible)


def false_colour(images: PatchImages) -> Colours:
    """Return B12, B11, B04 as red, green and blue, shape (n, 120, 120, 3); pixels of 20 m are repeated."""
    infrared = images.infrared.repeat(_ZOOM, axis=1).repeat(_ZOOM, axis=2)
    return stretched(np.stack([infrared[..., _B12], infrared[..., _B11], images.visible[..., _RED]], axis=-1))


def stretched(digital_numbers: NDArray[np.uint16]) -> Colours:
    """Return what brightness is shown for digital numbers, 0..255.

    It is 255 times the square root of the reflectance, which is cut off at 1.0: one stretch for all patches, so that a
    colour means the same in each. Dark forest (0.03) comes to 44, bare ground (0.15) to 99, snow (0.9) to 242.
    """
    reflectance = np.minimum(np.arange(1 << 16), REFLECTANCE_SCALE) / REFLECTANCE_SCALE
    table: Colours = np.round(255 * np.sqrt(reflectance)).astype(np.uint8)
    return table[digital_numbers]


def jpeg(colours: Colours) -> bytes:
    """Return a JPEG file of a picture, shape (height, width, 3)."""
    file = BytesIO()
    Image.fromarray(colours).save(file, "JPEG", quality=_QUALITY, subsampling=0)
    return file.getvalue()
