"""Products as Earth Search offers them, made of products in the SAFE format."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.shutil import copy

from seasonet_build.model.bands import RASTER_RESOLUTION, SCL, harmonisation_table
from seasonet_build.model.products import ASSETS
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.products import Product, inspect_product

BLOCK = {10: 1024, 20: 512, 60: 512}
"""Pixels; of the order of those of Earth Search."""

S3 = "https://sentinel-cogs.s3.us-west-2.amazonaws.com/sentinel-s2-l2a-cogs"

Pixels = NDArray[np.uint16] | NDArray[np.uint8]


def cog_item(product: Product, applied: bool | None = True, **properties: Any) -> dict[str, Any]:
    """Return the STAC item of a product, in the form of Earth Search's.

    Args:
        product: an inspected product; the item describes its COGs.
        applied: ``earthsearch:boa_offset_applied``; None: missing.
        **properties: properties to replace, with ``__`` for ``:``; None: left out.
    """
    mission, made, baseline = product.platform, product.discriminator, product.baseline
    zone, band, square = product.tile[:2], product.tile[2], product.tile[3:]
    item_id = f"{mission}_{product.tile}_{product.start:%Y%m%d}_0_L2A"
    folder = f"{S3}/{int(zone)}/{band}/{square}/{product.start:%Y/%-m}/{item_id}"
    strip = f"{product.datastrip:%Y%m%dT%H%M%S}"
    stated: dict[str, Any] = {
        "datetime": f"{product.start:%Y-%m-%dT%H:%M:%S}.246000Z",
        "platform": f"sentinel-{mission[1:].lower()}",
        "constellation": "sentinel-2",
        "eo:cloud_cover": product.cloud,
        "proj:epsg": product.epsg,
        "grid:code": f"MGRS-{product.tile.lstrip('0')}",
        "s2:processing_baseline": baseline,
        "s2:product_uri": f"{product.name}.SAFE",
        "s2:datatake_id": f"G{mission}_{product.start:%Y%m%dT%H%M%S}_014731_N{baseline}",
        "s2:datastrip_id": f"{mission}_OPER_MSI_L2A_DS_2APS_{made}_S{strip}_N{baseline}",
        "s2:sequence": "0",
        "earthsearch:boa_offset_applied": applied,
    }
    stated |= {key.replace("__", ":"): value for key, value in properties.items()}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "collection": "sentinel-2-l2a",
        "properties": {key: value for key, value in stated.items() if value is not None},
        "links": [],
        "assets": {ASSETS[raster]: _asset(product, raster, f"{folder}/{raster}.tif") for raster in RASTER_RESOLUTION},
    }


def _asset(product: Product, raster: str, href: str) -> dict[str, Any]:
    metres = RASTER_RESOLUTION[raster]
    band: dict[str, Any] = {"nodata": 0, "data_type": "uint8", "spatial_resolution": metres}
    if raster != SCL:
        # Earth Search says -0.1 from baseline 04.00 on, whether the offset is there or not.
        offset = -0.1 if product.baseline >= "04.00" else 0
        band |= {"data_type": "uint16", "bits_per_sample": 15, "scale": 0.0001, "offset": offset}
    return {
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "proj:shape": [product.size_m // metres] * 2,
        "proj:transform": [metres, 0, product.ulx, 0, -metres, product.uly],
        "raster:bands": [band],
        "roles": ["data", "reflectance"],
    }


def write_cog_product(
    folder: Path,
    safe_path: Path,
    *,
    take_off: bool = True,
    applied: bool | None = True,
    checksums: bool = True,
    properties: Mapping[str, Any] | None = None,
    change: Callable[[str, Pixels], Pixels] | None = None,
) -> Path:
    """Write a ``.COG`` folder with the rasters of a SAFE product and return its path.

    Args:
        folder: where to write it.
        safe_path: the ``.SAFE`` folder or ``.zip`` archive.
        take_off: bring the digital numbers to the scale without an offset, as Earth Search does.
        applied: what the item says of that; None: nothing.
        checksums: add what the download adds, ``seasonet:files``.
        properties: properties of the item to replace, see cog_item.
        change: what becomes of the pixels of a raster before they are written.
    """
    with gdal_env():
        product = inspect_product(safe_path)
        target = folder / f"{product.name}.COG"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for raster, path in product.rasters.items():
            with rasterio.open(path) as source:
                pixels, crs, transform = source.read(1), source.crs, source.transform
            if take_off and raster != SCL and product.offsets[raster]:
                pixels = harmonisation_table(product.offsets[raster])[pixels]
            write_cog(target / f"{raster}.tif", change(raster, pixels) if change else pixels, crs, transform)
    write_item(target, cog_item(product, applied, **(properties or {})), checksums=checksums)
    return target


def write_cog(path: Path, pixels: Pixels, crs: Any, transform: Any, block: int | None = None) -> None:
    """Write a Cloud-Optimised GeoTIFF, with overviews if it is larger than a block."""
    side = pixels.shape[0]
    profile = {"width": side, "height": side, "count": 1, "dtype": pixels.dtype.name, "nodata": 0}
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", crs=crs, transform=transform, **profile) as plain:
            plain.write(pixels, 1)
        with memory.open() as plain:
            size = block or BLOCK[int(transform.a)]
            copy(plain, path, driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES", BLOCKSIZE=size)


def write_item(folder: Path, item: Mapping[str, Any], *, checksums: bool = True) -> None:
    """Write ``item.json`` beside the rasters, with their sizes and checksums as the download does."""
    files = {
        path.name: {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.glob("*.tif"))
    }
    content = {**item, "seasonet:files": files} if checksums else dict(item)
    (folder / "item.json").write_text(json.dumps(content), encoding="utf-8")


def read_item(folder: Path) -> dict[str, Any]:
    item: dict[str, Any] = json.loads((folder / "item.json").read_text(encoding="utf-8"))
    return item
