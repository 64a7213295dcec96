"""The two metadata files of a Level-2A product."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, Protocol
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from seasonet_build.model.bands import BAND_IDS, REFLECTANCE_SCALE
from seasonet_build.model.products import FIRST_BASELINE_WITH_OFFSET, NOT_A_BASELINE
from seasonet_build.model.tiles import TILE_SIZE_M

MAX_XML_BYTES = 2 << 20
"""The largest metadata file of a product, MTD_TL.xml, has 0.6 MB."""

MAX_ELEMENTS = 50_000
"""It has 4500 elements. Each takes some hundred bytes of memory, however few there are in the file."""

MAX_DEPTH = 50
"""It has 7 levels."""

MAX_ATTRIBUTES = 100
"""Its elements have 4 at most, and those that name their schemas a dozen."""

MAX_TEXT = 200
"""The longest text that is read, TILE_ID, has 60 characters. What is longer would only fill a message."""

MAX_COORDINATE_M = 20_000_000
"""No coordinate of UTM is larger."""

MAX_OFFSET = 10_000
"""More than this, a reflectance of 1, cannot have been added to the digital numbers."""

_BASELINE = re.compile(r"[0-9]{2}\.[0-9]{2}")
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
            offsets={**dict.fromkeys(BAND_IDS.values(), 0), **_offsets(root)},
            cloud=float(text("Cloud_Coverage_Assessment")),
        )
    except ValueError as error:
        raise error if isinstance(error, MetadataError) else MetadataError(f"{file}: {error}") from None
    if not _BASELINE.fullmatch(metadata.baseline):
        raise MetadataError(f"{file}: PROCESSING_BASELINE {metadata.baseline!r} is not like 02.07")
    lacking = sorted(set(BAND_IDS.values()) - _offsets(root).keys())
    if lacking and FIRST_BASELINE_WITH_OFFSET <= metadata.baseline != NOT_A_BASELINE:
        raise MetadataError(
            f"{file}: no BOA_ADD_OFFSET for {lacking[0]} in baseline {metadata.baseline}, "
            "so whether 1000 is on its pixels is not known"
        )
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
    metadata = TileMetadata(tile[1], epsg, corners, sizes)
    _check_extent(metadata, file)
    return metadata


def _check_extent(metadata: TileMetadata, file: str) -> None:
    """Refuse a tile that is larger than any: rasters that agree with it would have to be read."""
    for x, y in metadata.corners.values():
        if max(abs(x), abs(y)) > MAX_COORDINATE_M:
            raise MetadataError(f"{file}: corner ({x}, {y}) is nowhere on Earth")
    for metres, (rows, cols) in metadata.sizes.items():
        if not (0 < rows * metres <= TILE_SIZE_M and 0 < cols * metres <= TILE_SIZE_M):
            raise MetadataError(f"{file}: {cols} x {rows} px of {metres} m are no tile, which has {TILE_SIZE_M} m")


def parse_xml(stream: BinaryIO, file: str) -> Element:
    """Return the root of an XML file; what is too large, too deep, or declares a document type or entities is refused.

    Raises:
        MetadataError: the file is damaged or not to be trusted.
    """
    data = stream.read(MAX_XML_BYTES + 1)
    if len(data) > MAX_XML_BYTES:
        raise MetadataError(f"{file} has more than {MAX_XML_BYTES} bytes")
    parser = DefusedXMLParser(target=_Builder(), forbid_dtd=True)
    try:
        parser.feed(data)
        root: Element | None = parser.close()
    except DefusedXmlException as error:
        # Its text would repeat what the file says, however long that is.
        raise MetadataError(f"{file} cannot be read: a document type is not allowed ({type(error).__name__})") from None
    except (ParseError, LookupError, ValueError) as error:
        raise MetadataError(f"{file} cannot be read: {str(error)[:MAX_TEXT]}") from None
    if root is None:
        raise MetadataError(f"{file} is empty")
    return root


class _Builder(TreeBuilder):
    """Builds a tree that is neither too large nor too deep."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._elements += 1
        self._depth += 1
        if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH:
            raise ValueError(f"it has more than {MAX_ELEMENTS} elements or {MAX_DEPTH} levels")
        if len(attrs) > MAX_ATTRIBUTES:
            raise ValueError(f"an element has {len(attrs)} attributes")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _finder(root: Element, file: str) -> _Finder:
    def text(name: str) -> str:
        found = root.findtext(f".//{{*}}{name}")
        if not found or not found.strip():
            raise MetadataError(f"{file} has no {name}")
        if len(found) > MAX_TEXT:
            raise MetadataError(f"{file}: {name} has {len(found)} characters")
        return found.strip()

    return text


def _number(element: Element, name: str) -> int:
    text = element.findtext(f"{{*}}{name}")
    if text is None:
        raise MetadataError(f"MTD_TL.xml has no {name} in {element.tag.rpartition('}')[2]}")
    if len(text) > MAX_TEXT:
        raise MetadataError(f"MTD_TL.xml: {name} has {len(text)} characters")
    return int(text)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _offsets(root: Element) -> dict[str, int]:
    """Return the BOA_ADD_OFFSET of the bands that have one."""
    stated = {
        BAND_IDS[int(e.attrib["band_id"])]: int(e.text or "0")
        for e in root.iterfind(".//{*}BOA_ADD_OFFSET")
        if int(e.attrib.get("band_id", -1)) in BAND_IDS
    }
    if any(abs(offset) > MAX_OFFSET for offset in stated.values()):
        raise ValueError(f"a BOA_ADD_OFFSET is beyond {MAX_OFFSET}")
    return stated
