"""Does a product of Cloud-Optimised GeoTIFFs still carry the offset of +1000 on its digital numbers?

From processing baseline 04.00 on, ESA adds 1000 to every digital number. Earth Search takes it off again when it makes
its GeoTIFFs, but did not always, and its items are not always right about it: ``earthsearch:boa_offset_applied`` is
false on items of 2022 and 2025 whose pixels are without the offset (issues 66 and 71 of Element84/earth-search, 33 of
cirrus-geo/cirrus-earth-search), while ``raster:bands`` states an offset of -0.1 whether or not it was taken off (issue
9 there, and both items of 2023 in the test material). So the flag is believed as long as the
pixels do not speak against it, and ``raster:bands`` alone never.

What the pixels can tell: red and short-wave infrared light is absorbed by vegetation and water. Where clear vegetation
or water is seen, the darkest pixels of B04 or B12 reflect next to nothing: they lie near 0 on the scale without the
offset and near 1000 with it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from scipy.ndimage import minimum_filter

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import SCL, SCL_NO_DATA
from seasonet_build.model.products import FIRST_BASELINE_WITH_OFFSET

OFFSET = -1000
"""BOA_ADD_OFFSET of every band from baseline 04.00 on (ESA, Sentinel-2 products specification)."""

DARK_BANDS = ("B04", "B12")
"""Bands that vegetation and water absorb, and that hold few negative reflectances: not the blue ones."""

DARK_CLASSES = (4, 6)
"""Classes of SCL: vegetation, water."""

SAMPLE_SIDE = 512
"""Pixels are looked at in a picture of at most this height and width, which an overview yields quickly."""

MIN_PIXELS = 1000
"""With fewer dark pixels than this in the sample, the pixels say nothing."""

LOW_PERCENT = 1.0
"""The percentile of the dark pixels that counts. In a real product of baseline 04.00 (29UNU, October 2022, coast) the
values of B01, the band with most negative reflectances, are 515, 994 and 1073 at 0.1, 1 and 5 %: a lower percentile
would take failures of the atmospheric correction for a missing offset."""

LOW_WITHOUT_OFFSET = 600
"""Below this the offset cannot be there: 1 % of the pixels would have a reflectance of less than -0.04."""

LOW_WITH_OFFSET = 900
"""From this on the offset must be there: without it, not 1 % of vegetation and water would be darker than 0.09."""


@dataclass(frozen=True)
class Statement:
    """What an item says: its baseline, whether the offset was taken off (None: nothing), ``raster:bands`` offsets."""

    baseline: str
    applied: bool | None
    raster_offsets: Collection[float]

    def __str__(self) -> str:
        """Say it as in the item."""
        applied = "missing" if self.applied is None else str(self.applied).lower()
        offsets = ", ".join(f"{offset:g}" for offset in sorted(set(self.raster_offsets))) or "missing"
        return (
            f"item.json (s2:processing_baseline {self.baseline}, earthsearch:boa_offset_applied {applied}, "
            f"raster:bands offset {offsets})"
        )

    @property
    def offset(self) -> int | None:
        """Return the offset that is still to be added to the pixels, 0 or -1000; None: the item leaves it open."""
        if self.baseline < FIRST_BASELINE_WITH_OFFSET:
            return 0
        if self.applied is None:
            return None
        if self.applied:
            return 0
        # "Not taken off" and "there is none" cannot both be right.
        denied = bool(self.raster_offsets) and not any(self.raster_offsets)
        return None if denied else OFFSET


def decide_offset(product: str, statement: Statement, rasters: Mapping[str, str]) -> int:
    """Return what has to be added to the digital numbers of all bands: 0 or -1000.

    Args:
        product: the product's name.
        statement: what the item says.
        rasters: the path of each raster; without SCL and one of DARK_BANDS, the item is believed.

    Raises:
        ProductError: item and pixels contradict each other, neither says anything, or a raster cannot be decoded.
    """
    stated = statement.offset
    if statement.baseline < FIRST_BASELINE_WITH_OFFSET:
        return 0
    try:
        lows = dark_values(rasters)
    except RasterioError as error:
        raise ProductError(product, f"a raster cannot be decoded: {error}; fetch the product again") from None
    seen = offset_of(lows)
    if seen is None and stated is None:
        raise ProductError(product, f"{statement} leaves open whether 1000 is on the pixels; use the SAFE product")
    if seen is not None and stated is not None and seen != stated:
        values = ", ".join(f"{band} {low:.0f}" for band, low in lows.items())
        raise ProductError(
            product,
            f"{statement} says that 1000 is {_IS_ON[stated]} the pixels, but it is {_IS_ON[seen]} them: "
            f"{LOW_PERCENT:g} % of vegetation and water lie below {values}; use the SAFE product",
        )
    return OFFSET if OFFSET in {stated, seen} else 0


_IS_ON = {OFFSET: "still on", 0: "no longer on"}


def offset_of(lows: Mapping[str, float]) -> int | None:
    """Return the offset that dark pixels tell of, 0 or -1000; None: they tell nothing plainly.

    Args:
        lows: the digital number that LOW_PERCENT of the dark pixels of each band lie below; may be empty.
    """
    if not lows:
        return None
    if min(lows.values()) < LOW_WITHOUT_OFFSET:
        return 0
    return OFFSET if min(lows.values()) >= LOW_WITH_OFFSET else None


def dark_values(rasters: Mapping[str, str]) -> dict[str, float]:
    """Return the digital number that LOW_PERCENT of the dark pixels lie below, by band; too few pixels: no bands.

    Raises:
        rasterio.errors.RasterioError: a raster cannot be decoded.
    """
    if SCL not in rasters:
        return {}
    classes = _sample(rasters[SCL])
    # At the edge of the data an overview mixes values with "no data".
    dark = np.isin(classes, DARK_CLASSES) & (minimum_filter(classes, size=3) != SCL_NO_DATA)
    lows: dict[str, float] = {}
    for band in DARK_BANDS:
        if band in rasters:
            pixels = _sample(rasters[band], classes.shape)[dark]
            pixels = pixels[pixels > 0]
            if len(pixels) >= MIN_PIXELS:
                lows[band] = float(np.percentile(pixels, LOW_PERCENT))
    return lows


def _sample(path: str, shape: tuple[int, ...] | None = None) -> NDArray[np.uint16]:
    """Read a raster coarsely; GDAL takes the overview that suffices."""
    with rasterio.open(path) as raster:
        sample: NDArray[np.uint16] = raster.read(1, out_shape=shape or tuple(min(n, SAMPLE_SIDE) for n in raster.shape))
    return sample
