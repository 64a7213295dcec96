"""STAC items of the Copernicus Data Space for ``.SAFE`` folders, in the form of real ones."""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.services.safe_facts import Safe

COLLECTION = "sentinel-2-l2a"
BUCKET = "eodata"
ZIPPER = "https://zipper.dataspace.copernicus.eu"

_IMAGE = re.compile(r"(?:L2A_)?T\w{5}_\d{8}T\d{6}_(?P<band>\w+)_(?P<resolution>\d\d)m")
_SHA3, _MD5 = "1620", "d50110"  # the beginnings of multihashes: kind and length
_MISLABELLED = "d50120"
"""Stands in real items before the digests of all XML files but the manifest: the code of MD5 with another's length."""


def collection(name: str = COLLECTION) -> dict[str, Any]:
    """A collection with no more in it than has to be."""
    return {
        "type": "Collection",
        "id": name,
        "stac_version": "1.1.0",
        "description": "Sentinel-2 Level-2A",
        "license": "other",
        "links": [],
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2015-06-27T00:00:00Z", None]]},
        },
    }


def cdse_item(
    product: Path,
    odata_url: str = ZIPPER,
    bucket: str = BUCKET,
    archive: Path | None = None,
    updated: str | None = None,
) -> dict[str, Any]:
    """The item of a product whose files lie in S3 below ``Safe(product).s3_prefix`` and at ``odata_url``.

    There are assets for the files that are there. ``archive`` is the zipped product.
    """
    safe = Safe(product)
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": safe.name,
        "collection": COLLECTION,
        "geometry": {"type": "Polygon", "coordinates": [safe.ring]},
        "bbox": safe.bbox,
        "properties": _properties(safe, updated),
        "links": [],
        "assets": _assets(safe, odata_url, bucket, archive),
    }


def iso(moment: datetime, digits: int = 3) -> str:
    """A time as catalogues write it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[: 20 + digits] + "Z"


def _properties(safe: Safe, updated: str | None) -> dict[str, Any]:
    start, made = iso(safe.product.start), iso(safe.product.generated, 6)
    return {
        "gsd": 10,
        "created": made,
        "updated": updated or made,
        "published": made,
        "datetime": start,
        "start_datetime": start,
        "end_datetime": start,
        "platform": safe.product.spacecraft.lower(),
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "grid:code": f"MGRS-{safe.tile.tile}",
        "product:type": "S2MSI2A",
        "eo:cloud_cover": round(safe.product.cloud, 2),
        "eo:snow_cover": round(float(safe.product_text("SNOW_ICE_PERCENTAGE") or 0), 2),
        "processing:level": "L2",
        "processing:version": safe.product.baseline,
        "processing:datetime": made,
        "processing:facility": "ESA",
        "eopf:datatake_id": safe.datatake_id,
        "eopf:datastrip_id": safe.tile_text("DATASTRIP_ID"),
        "eopf:instrument_mode": "INS-NOBS",
        "sat:orbit_state": safe.product_text("SENSING_ORBIT_DIRECTION").lower(),
        "sat:relative_orbit": safe.product.orbit,
        "sat:absolute_orbit": safe.absolute_orbit,
    }


def _assets(safe: Safe, odata_url: str, bucket: str, archive: Path | None) -> dict[str, Any]:
    assets = {}
    for inner, file in safe.files.items():
        named = _name(inner)
        if named is None:
            continue
        name, checksum = named
        nodes = [safe.folder.name, *inner.split("/")]
        if name in {"granule_metadata", "datastrip_metadata"}:
            nodes.insert(1, "")  # so in every real item
        asset: dict[str, Any] = {
            "href": f"s3://{bucket}/{safe.s3_prefix}/{inner}",
            "alternate": {
                "https": {
                    "href": f"{_product(safe, odata_url)}{''.join(f'/Nodes({node})' for node in nodes)}/$value",
                    "auth:refs": ["oidc"],
                    "storage:refs": [],
                    "alternate:name": "HTTPS",
                }
            },
            "file:size": file.stat().st_size,
            "file:checksum": checksum + _digest(file, "md5" if checksum == _MD5 else "sha3_256"),
            "file:local_path": f"{safe.folder.name}/{inner}",
            "type": "image/jp2" if file.suffix == ".jp2" else "application/xml",
            "roles": ["data"] if file.suffix == ".jp2" else ["metadata"],
            "title": file.name,
            "auth:refs": ["s3"],
            "storage:refs": ["cdse-s3", "creodias-s3"],
            "alternate:name": "S3",
        }
        if file.suffix == ".jp2":
            asset |= _image(safe, name)
        assets[name] = asset
    assets["Product"] = {
        "href": f"{_product(safe, odata_url)}/$value",
        "auth:refs": ["oidc"],
        "alternate:name": "HTTPS",
        "file:local_path": f"{safe.folder.name}.zip",
        "type": "application/zip",
        "roles": ["data", "metadata", "archive"],
        "title": "Zipped product",
    }
    if archive is not None:
        assets["Product"] |= {"file:size": archive.stat().st_size, "file:checksum": _MD5 + _digest(archive, "md5")}
    return assets


def _name(inner: str) -> tuple[str, str] | None:
    """Name and kind of checksum of the asset for a file in a product, if it has one."""
    image = _IMAGE.fullmatch(inner.rpartition("/")[2].removesuffix(".jp2"))
    if image is not None and "/IMG_DATA/" in inner:
        return f"{image['band']}_{image['resolution']}m", _SHA3
    if re.fullmatch(r"DATASTRIP/[^/]+/MTD_DS\.xml", inner):
        return "datastrip_metadata", _MISLABELLED
    if re.fullmatch(r"GRANULE/[^/]+/MTD_TL\.xml", inner):
        return "granule_metadata", _MISLABELLED
    known = {
        "MTD_MSIL2A.xml": ("product_metadata", _MISLABELLED),
        "INSPIRE.xml": ("inspire_metadata", _MISLABELLED),
        "manifest.safe": ("safe_manifest", _MD5),
    }
    return known.get(inner)


def _image(safe: Safe, name: str) -> dict[str, Any]:
    band, resolution = name.split("_", maxsplit=1)[0], int(name[-3:-1])
    box, shape, transform = safe.proj(resolution)
    facts: dict[str, Any] = {
        "gsd": resolution,
        "nodata": 0,
        "data_type": "uint8" if band in {"SCL", "TCI"} else "uint16",
        "proj:code": f"EPSG:{safe.tile.epsg}",
        "proj:bbox": box,
        "proj:shape": shape,
        "proj:transform": transform,
    }
    if band in safe.product.offsets:
        facts |= {
            "bands": [{"name": band}],
            "raster:scale": 0.0001,
            "raster:offset": safe.product.offsets[band] / 10000,
            "roles": ["data", "reflectance"],
        }
    return facts


def _product(safe: Safe, odata_url: str) -> str:
    return f"{odata_url}/odata/v1/Products({safe.uuid})"


def _digest(file: Path, kind: str) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()
