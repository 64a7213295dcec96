"""Names of patches and the text of their coordinates."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from seasonet_build.model.grid import NAME_POINT_M, Cells, geographic

DATATAKE_FORMAT = "%Y%m%dT%H%M%S"


def coordinate_text(cells: Cells) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Return latitude and longitude of the patches as text with six decimals, such as ``53.928425``.

    The point is the centre of pixel (60, 60) of the 10 m image, in degrees of WGS 84. The text depends on the
    location alone: readers of the dataset group images of a location by it.
    """
    longitude, latitude = geographic(cells, NAME_POINT_M, NAME_POINT_M)
    return _six_decimals(latitude), _six_decimals(longitude)


def patch_name(tile: str, start: datetime, latitude: str, longitude: str) -> str:
    """Return the name of a patch folder, which is also the prefix of its files.

    Args:
        tile: name of the tile, such as ``32UME``.
        start: sensing start of the datatake, UTC.
        latitude: text from :func:`coordinate_text`.
        longitude: text from :func:`coordinate_text`.

    >>> patch_name("32UME", datetime(2018, 4, 18, 10, 40, 21), "53.928425", "7.503876")
    '32UME_20180418T104021_53_928425_7_503876'
    """
    point = f"{latitude}_{longitude}".replace(".", "_")
    return f"{tile}_{start.strftime(DATATAKE_FORMAT)}_{point}"


def _six_decimals(degrees: NDArray[np.float64]) -> NDArray[np.str_]:
    return np.char.mod("%.6f", degrees)
