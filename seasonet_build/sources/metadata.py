"""The two metadata files of a Level-2A product."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, Protocol
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import parse

from seasonet_build.model.bands import BAND_IDS, REFLECTANCE_SCALE

_TILE_IN_ID = re.compile(r"_T(\d{2}[A-Z]{3})_")


class MetadataError(ValueError):
    """A metadata file lacks something or says something impossible; the text names the file."""


class _Finder(Protocol):
    def __call__(self, name: str) -> str: ...


@dataclass(frozen=True)
class ProductMetadata:
    """What ``MTD_MSIL2A.xml`` says.

    ``offsets`` maps a band to its BOA_ADD_OFFSET, 0 where the file lists none. ``cloud`` is the share of cloud in
    percent of the valid pixels.
    """

    baseline: str
    start: datetime
    generated: datetime
    spacecraft: str
    orbit: int
    offsets: dict[str, int]
    cloud: float


@dataclass(frozen=True)
class TileMetadata:
    """What ``MTD_TL.xml`` says: tile, EPSG code, upper-left corner in metres, and rows and columns by resolution."""

    tile: str
    epsg: int
    corners: dict[int, tuple[int, int]]
    sizes: dict[int, tuple[int, int]]


def read_product_metadata(stream: BinaryIO) -> ProductMetadata:
    """Read ``MTD_MSIL2A.xml``.

    Raises:
        MetadataError: the file is damaged or lacks an element.
    """
    file = "MTD_MSIL2A.xml"
    root = parse_xml(stream, file)
    text = _finder(root, file)
    try:
        quantification = float(text("BOA_QUANTIFICATION_VALUE"))
        metadata = ProductMetadata(
            baseline=text("PROCESSING_BASELINE"),
            start=_time(text("DATATAKE_SENSING_START")),
            generated=_time(text("GENERATION_TIME")),
            spacecraft=text("SPACECRAFT_NAME"),
            orbit=int(text("SENSING_ORBIT_NUMBER")),
            offsets=_offsets(root),
            cloud=float(text("Cloud_Coverage_Assessment")),
        )
    except ValueError as error:
        raise error if isinstance(error, MetadataError) else MetadataError(f"{file}: {error}") from None
    if quantification != REFLECTANCE_SCALE:
        raise MetadataError(f"{file}: BOA_QUANTIFICATION_VALUE is {quantification:g}, not {REFLECTANCE_SCALE}")
    return metadata


def read_tile_metadata(stream: BinaryIO) -> TileMetadata:
    """Read ``MTD_TL.xml``.

    Raises:
        MetadataError: the file is damaged or lacks an element.
    """
    file = "MTD_TL.xml"
    root = parse_xml(stream, file)
    text = _finder(root, file)
    tile = _TILE_IN_ID.search(text("TILE_ID"))
    if tile is None:
        raise MetadataError(f"{file}: TILE_ID {text('TILE_ID')!r} names no tile")
    try:
        epsg = int(text("HORIZONTAL_CS_CODE").removeprefix("EPSG:"))
        corners = {
            int(e.attrib["resolution"]): (_number(e, "ULX"), _number(e, "ULY"))
            for e in root.iterfind(".//{*}Geoposition")
        }
        sizes = {
            int(e.attrib["resolution"]): (_number(e, "NROWS"), _number(e, "NCOLS")) for e in root.iterfind(".//{*}Size")
        }
    except (ValueError, KeyError) as error:
        raise error if isinstance(error, MetadataError) else MetadataError(f"{file}: {error}") from None
    return TileMetadata(tile[1], epsg, corners, sizes)


def parse_xml(stream: BinaryIO, file: str) -> Element:
    """Return the root of an XML file; entities and external references are refused.

    Raises:
        MetadataError: the file is damaged.
    """
    try:
        root = parse(stream).getroot()
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise MetadataError(f"{file} cannot be read: {error}") from None
    if root is None:
        raise MetadataError(f"{file} is empty")
    return root


def _finder(root: Element, file: str) -> _Finder:
    def text(name: str) -> str:
        found = root.findtext(f".//{{*}}{name}")
        if not found or not found.strip():
            raise MetadataError(f"{file} has no {name}")
        return found.strip()

    return text


def _number(element: Element, name: str) -> int:
    text = element.findtext(f"{{*}}{name}")
    if text is None:
        raise MetadataError(f"MTD_TL.xml has no {name} in {element.tag}")
    return int(text)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _offsets(root: Element) -> dict[str, int]:
    stated = {
        BAND_IDS[int(e.attrib["band_id"])]: int(e.text or "0")
        for e in root.iterfind(".//{*}BOA_ADD_OFFSET")
        if int(e.attrib.get("band_id", -1)) in BAND_IDS
    }
    return {band: stated.get(band, 0) for band in BAND_IDS.values()}
