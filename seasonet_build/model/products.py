"""What names and times tell of Level-2A products, and what the files that a download adds are called."""

import re
from datetime import timedelta

from seasonet_build.model.bands import SCL

PRODUCT_NAME = re.compile(
    r"(?P<platform>S2[A-D])_MSIL2A_(?P<start>\d{8}T\d{6})_N(?P<baseline>\d{4})_R(?P<orbit>\d{3})"
    r"_T(?P<tile>\d{2}[A-Z]{3})_(?P<discriminator>\d{8}T\d{6})(?:\.COG|(?:\.SAFE)?(?:\.zip)?)"
)

FIRST_BASELINE_WITH_OFFSET = "04.00"
"""From it on, 1000 is on the digital numbers, as BOA_ADD_OFFSET states (ESA, Sentinel-2 products specification)."""

NOT_A_BASELINE = "99.99"

SAME_DATASTRIP = timedelta(seconds=10)
"""Reprocessing may move a datastrip's start by a second or two; datastrips of one datatake start minutes apart."""

ITEM = "item.json"
"""The catalogue's item of a product of Cloud-Optimised GeoTIFFs, beside its files."""

ASSETS: dict[str, str] = {
    **{"B01": "coastal", "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge1", "B06": "rededge2"},
    **{"B07": "rededge3", "B08": "nir", "B8A": "nir08", "B09": "nir09", "B11": "swir16", "B12": "swir22", SCL: "scl"},
}
"""Raster -> key of its asset in an item of Earth Search."""

FILES = "seasonet:files"
"""Top-level key that the download adds to an item: file name -> ``size`` and ``sha256`` of what was fetched."""
