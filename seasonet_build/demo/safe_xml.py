"""The XML files of a synthetic product: only the elements that readers of Level-2A metadata look for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from seasonet_build.demo.safe import SyntheticProduct

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_PSD = "https://psd-14.sentinel2.eo.esa.int/PSD"

# Band numbers in the metadata are positions in this list of all 13 bands, with their pixel sizes in metres.
_PHYSICAL_BANDS = (
    ("B1", 60), ("B2", 10), ("B3", 10), ("B4", 10), ("B5", 20), ("B6", 20), ("B7", 20),
    ("B8", 10), ("B8A", 20), ("B9", 60), ("B10", 60), ("B11", 20), ("B12", 20),
)  # fmt: skip

# Percentages of valid pixels, by scene classification value.
_CONTENT = {
    1: "SATURATED_DEFECTIVE_PIXEL",
    2: "DARK_FEATURES",
    3: "CLOUD_SHADOW",
    4: "VEGETATION",
    5: "NOT_VEGETATED",
    6: "WATER",
    7: "UNCLASSIFIED",
    8: "MEDIUM_PROBA_CLOUDS",
    9: "HIGH_PROBA_CLOUDS",
    10: "THIN_CIRRUS",
    11: "SNOW_ICE",
}


def baseline_number(baseline: str) -> tuple[int, int]:
    """Turn a processing baseline such as "02.07" into numbers that compare."""
    major, minor = baseline.split(".")
    return int(major), int(minor)


def product_metadata(product: SyntheticProduct, images: Iterable[str], scl: NDArray[np.uint8]) -> bytes:
    """Return MTD_MSIL2A.xml; `images` are paths inside the product without suffix, `scl` gives the percentages."""
    root = _root("Level-2A_User_Product", f"{_PSD}/User_Product_Level-2A.xsd")
    general = _add(root, "n1:General_Info")
    _product_info(_add(general, "Product_Info"), product, images)
    _image_characteristics(_add(general, "Product_Image_Characteristics"), product)
    quality = _add(root, "n1:Quality_Indicators_Info")
    counts = np.bincount(scl.ravel(), minlength=12)
    valid = max(int(counts[1:].sum()), 1)
    _add(quality, "Cloud_Coverage_Assessment", f"{100 * int(counts[8:11].sum()) / valid:.6f}")
    content = _add(quality, "Image_Content_QI")
    _add(content, "NODATA_PIXEL_PERCENTAGE", f"{100 * int(counts[0]) / scl.size:.6f}")
    for value, label in _CONTENT.items():
        _add(content, f"{label}_PERCENTAGE", f"{100 * int(counts[value]) / valid:.6f}")
    return _bytes(root)


def tile_metadata(product: SyntheticProduct) -> bytes:
    """Return the granule's MTD_TL.xml."""
    root = _root("Level-2A_Tile_ID", f"{_PSD}/S2_PDI_Level-2A_Tile_Metadata.xsd")
    general = _add(root, "n1:General_Info")
    _add(general, "TILE_ID", _granule_id(product), metadataLevel="Brief")
    _add(general, "DATASTRIP_ID", _datastrip_id(product), metadataLevel="Standard")
    _add(general, "SENSING_TIME", _iso(product.datastrip_start or product.start), metadataLevel="Standard")
    geocoding = _add(_add(root, "n1:Geometric_Info"), "Tile_Geocoding", metadataLevel="Brief")
    zone, half = product.epsg % 100, "N" if product.epsg // 100 == 326 else "S"
    _add(geocoding, "HORIZONTAL_CS_NAME", f"WGS84 / UTM zone {zone}{half}")
    _add(geocoding, "HORIZONTAL_CS_CODE", f"EPSG:{product.epsg}")
    for resolution in (10, 20, 60):
        size = _add(geocoding, "Size", resolution=str(resolution))
        _add(size, "NROWS", str(product.size_m // resolution))
        _add(size, "NCOLS", str(product.size_m // resolution))
    for resolution in (10, 20, 60):
        place = _add(geocoding, "Geoposition", resolution=str(resolution))
        for tag, value in (("ULX", product.ulx), ("ULY", product.uly), ("XDIM", resolution), ("YDIM", -resolution)):
            _add(place, tag, str(value))
    return _bytes(root)


def manifest(product: SyntheticProduct, folder: Path) -> bytes:
    """Return manifest.safe: size and checksum of every file now in `folder`."""
    root = ET.Element(
        "xfdu:XFDU",
        {
            "xmlns:xfdu": "urn:ccsds:schema:xfdu:1",
            "xmlns:safe": "http://www.esa.int/safe/sentinel/1.1",
            "version": "esa/safe/sentinel/1.1/sentinel-2/msi/archive_l2a_user_product",
        },
    )
    _add(root, "informationPackageMap")
    _add(root, "metadataSection")
    section = _add(root, "dataObjectSection")
    # Real products of baseline 99.99 have MD5 although the number is above 04.00.
    modern = (4, 0) <= baseline_number(product.baseline) < (99, 0)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data, inner = path.read_bytes(), path.relative_to(folder).as_posix()
        kind = "text/xml" if path.suffix == ".xml" else "application/octet-stream"
        entry = _add(section, "dataObject", ID=inner.replace("/", "_").removesuffix(path.suffix))
        stream = _add(entry, "byteStream", mimeType=kind, size=str(len(data)))
        _add(stream, "fileLocation", locatorType="URL", href=f"./{inner}")
        if modern:
            _add(stream, "checksum", hashlib.sha3_256(data).hexdigest().upper(), checksumName="SHA3-256")
        else:
            _add(stream, "checksum", hashlib.md5(data, usedforsecurity=False).hexdigest(), checksumName="MD5")
    return _bytes(root)


def _product_info(info: ET.Element, product: SyntheticProduct, images: Iterable[str]) -> None:
    start = _iso(product.start)
    _add(info, "PRODUCT_START_TIME", start)
    _add(info, "PRODUCT_STOP_TIME", start)
    _add(info, "PRODUCT_URI", product.name)
    _add(info, "PROCESSING_LEVEL", "Level-2A")
    _add(info, "PRODUCT_TYPE", "S2MSI2A")
    _add(info, "PROCESSING_BASELINE", product.baseline)
    _add(info, "GENERATION_TIME", _iso(product.generated))
    take = f"GS2{product.platform}_{product.start:%Y%m%dT%H%M%S}_{product.orbit:06d}_N{product.baseline}"
    datatake = _add(info, "Datatake", datatakeIdentifier=take)
    _add(datatake, "SPACECRAFT_NAME", f"Sentinel-2{product.platform}")
    _add(datatake, "DATATAKE_TYPE", "INS-NOBS")
    _add(datatake, "DATATAKE_SENSING_START", start)
    _add(datatake, "SENSING_ORBIT_NUMBER", str(product.orbit))
    _add(datatake, "SENSING_ORBIT_DIRECTION", "DESCENDING")
    granules = _add(_add(info, "Product_Organisation"), "Granule_List")
    ids = {"datastripIdentifier": _datastrip_id(product), "granuleIdentifier": _granule_id(product)}
    granule = _add(granules, "Granule", **ids, imageFormat="JPEG2000")
    for image in images:
        _add(granule, "IMAGE_FILE", image)


def _image_characteristics(parent: ET.Element, product: SyntheticProduct) -> None:
    for text, value in (("NODATA", 0), ("SATURATED", 65535)):
        special = _add(parent, "Special_Values")
        _add(special, "SPECIAL_VALUE_TEXT", text)
        _add(special, "SPECIAL_VALUE_INDEX", str(value))
    scales = _add(parent, "QUANTIFICATION_VALUES_LIST")
    _add(scales, "BOA_QUANTIFICATION_VALUE", "10000", unit="none")
    if product.offset is not None:
        offsets = _add(parent, "BOA_ADD_OFFSET_VALUES_LIST")
        for number in range(len(_PHYSICAL_BANDS)):
            _add(offsets, "BOA_ADD_OFFSET", str(product.offset), band_id=str(number))
    spectral = _add(parent, "Spectral_Information_List")
    for number, (band, resolution) in enumerate(_PHYSICAL_BANDS):
        entry = _add(spectral, "Spectral_Information", bandId=str(number), physicalBand=band)
        _add(entry, "RESOLUTION", str(resolution))


def _granule_id(product: SyntheticProduct) -> str:
    where = f"A{product.orbit:06d}_T{product.tile}_N{product.baseline}"
    return f"S2{product.platform}_OPER_MSI_L2A_TL_DEMO_{product.generated:%Y%m%dT%H%M%S}_{where}"


def _datastrip_id(product: SyntheticProduct) -> str:
    when = f"S{product.datastrip_start or product.start:%Y%m%dT%H%M%S}_N{product.baseline}"
    return f"S2{product.platform}_OPER_MSI_L2A_DS_DEMO_{product.generated:%Y%m%dT%H%M%S}_{when}"


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _root(tag: str, namespace: str) -> ET.Element:
    location = f"{namespace} {namespace}"
    return ET.Element(f"n1:{tag}", {"xmlns:n1": namespace, "xmlns:xsi": _XSI, "xsi:schemaLocation": location})


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _bytes(root: ET.Element) -> bytes:
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n{text}\n'.encode()
