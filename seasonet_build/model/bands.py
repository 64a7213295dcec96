"""Sentinel-2 bands, the files of a patch, and the scale of digital numbers.

Source: the SeasoNet file layout (bands and their order), the Sentinel-2 Level-2A product definition (band numbering
of BOA_ADD_OFFSET, meaning of DN 0).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PatchFile:
    """One image file of a patch: name suffix, bands in file order, pixel size in metres."""

    suffix: str
    bands: tuple[str, ...]
    resolution: int


PATCH_FILES: tuple[PatchFile, ...] = (
    PatchFile("10m_RGB", ("B04", "B03", "B02"), 10),
    PatchFile("10m_IR", ("B08",), 10),
    PatchFile("20m", ("B05", "B06", "B07", "B8A", "B11", "B12"), 20),
    PatchFile("60m", ("B01", "B09"), 60),
)

LABELS_SUFFIX = "labels"

SCL = "SCL"
SCL_RESOLUTION = 20

BAND_RESOLUTION: dict[str, int] = {band: f.resolution for f in PATCH_FILES for band in f.bands}
"""Pixel size in metres of each of the 12 bands."""

RASTER_RESOLUTION: dict[str, int] = {**BAND_RESOLUTION, SCL: SCL_RESOLUTION}
"""Pixel size of every raster that is read from a product."""

BAND_IDS: dict[int, str] = dict(
    enumerate(("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"))
)
"""``band_id`` of the product metadata -> band."""

SCL_NO_DATA = 0
SCL_CLOUD = (8, 9, 10)
SCL_SNOW = 11

REFLECTANCE_SCALE = 10_000
"""Digital number of reflectance 1.0 on the scale that the dataset uses."""


def harmonisation_table(offset: int) -> NDArray[np.uint16]:
    """Return the lookup table, shape (65536,), from stored digital numbers to the scale without an offset.

    0 (no data) stays 0; every other value becomes ``max(1, DN + offset)``, at most 65535.

    Args:
        offset: BOA_ADD_OFFSET of the band, -1000 from processing baseline 04.00 on, else 0.
    """
    stored = np.arange(1 << 16, dtype=np.int64)
    table = np.clip(stored + offset, 1, (1 << 16) - 1).astype(np.uint16)
    table[0] = 0
    return table
