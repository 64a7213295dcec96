"""STAC items of Earth Search, in the form of real ones: Cloud Optimised GeoTIFFs at open addresses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.services.catalogue import COLLECTION, iso
from tests.services.safe_facts import Safe

ASSETS = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B11": "swir16",
    "B12": "swir22",
    "SCL": "scl",
}
"""Earth Search's names of bands."""

_RESOLUTION = {**dict.fromkeys(("B02", "B03", "B04", "B08"), 10), "B01": 60, "B09": 60}  # all others: 20


def earth_search_item(product: Path, hrefs: Mapping[str, str], boa_offset_applied: bool) -> dict[str, Any]:
    """The item of a product's COGs.

    Args:
        product: the ``.SAFE`` folder that they were made from.
        hrefs: absolute addresses by band (``B02``, ``SCL``).
        boa_offset_applied: whether the offset of baselines from 04.00 has been taken out of the COGs' values.
    """
    safe = Safe(product)
    tile = safe.tile.tile
    day = safe.product.start
    satellite = f"S2{safe.product.spacecraft[-1]}"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": f"{satellite}_{tile}_{day:%Y%m%d}_0_L2A",
        "collection": COLLECTION,
        "geometry": {"type": "Polygon", "coordinates": [safe.ring]},
        "bbox": safe.bbox,
        "properties": {
            "created": iso(safe.product.generated),
            "updated": iso(safe.product.generated),
            "datetime": iso(day, 6),
            "platform": safe.product.spacecraft.lower(),
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "eo:cloud_cover": safe.product.cloud,
            "proj:epsg": safe.tile.epsg,
            "mgrs:utm_zone": int(tile[:2]),
            "mgrs:latitude_band": tile[2],
            "mgrs:grid_square": tile[3:],
            "grid:code": f"MGRS-{tile}",
            "s2:nodata_pixel_percentage": float(safe.product_text("NODATA_PIXEL_PERCENTAGE") or 0),
            "s2:snow_ice_percentage": float(safe.product_text("SNOW_ICE_PERCENTAGE") or 0),
            "s2:product_type": "S2MSI2A",
            "s2:processing_baseline": safe.product.baseline,
            "s2:product_uri": safe.folder.name,
            "s2:generation_time": iso(safe.product.generated, 6),
            "s2:datatake_id": safe.datatake_id,
            "s2:datatake_type": "INS-NOBS",
            "s2:datastrip_id": safe.tile_text("DATASTRIP_ID"),
            "s2:granule_id": safe.tile_text("TILE_ID"),
            "s2:sequence": "0",
            "earthsearch:boa_offset_applied": boa_offset_applied,
        },
        "links": [],
        "assets": {ASSETS[band]: _asset(safe, band, href) for band, href in hrefs.items()},
    }


def _asset(safe: Safe, band: str, href: str) -> dict[str, Any]:
    resolution = _RESOLUTION.get(band, 20)
    _, shape, transform = safe.proj(resolution)
    raster: dict[str, Any] = {"nodata": 0, "data_type": "uint16", "spatial_resolution": resolution}
    if band == "SCL":
        raster["data_type"] = "uint8"
    else:
        # So in real items, whether or not the values still have the offset in them.
        raster |= {"bits_per_sample": 15, "scale": 0.0001, "offset": safe.product.offsets[band] / 10000}
    asset = {
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data", "reflectance"],
        "proj:shape": shape,
        "proj:transform": transform,
        "raster:bands": [raster],
    }
    return asset if band == "SCL" else {**asset, "eo:bands": [{"name": ASSETS[band]}], "gsd": resolution}
