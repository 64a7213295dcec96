"""What catalogues say about a product, read from the product."""

import re
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import parse
from pyproj import Transformer

from seasonet_build.sources.metadata import (
    ProductMetadata,
    TileMetadata,
    read_product_metadata,
    read_tile_metadata,
)

_SPACE = uuid.UUID("6f0f1b9e-2f0a-4d0b-9c51-0d4b3a1e5a77")  # any: the same product always gets the same number


@dataclass(frozen=True)
class Safe:
    """A product as a ``.SAFE`` folder."""

    folder: Path

    @property
    def name(self) -> str:
        """Without ``.SAFE``."""
        return self.folder.name.removesuffix(".SAFE")

    @property
    def uuid(self) -> str:
        return str(uuid.uuid5(_SPACE, self.name))

    @property
    def s3_prefix(self) -> str:
        """The product's folder in the Copernicus Data Space's bucket."""
        baseline, start = self.name.split("_")[3], self.name.split("_")[2]
        # Only what was reprocessed for Collection 1 has a level folder of its own.
        level = f"L2A_{baseline}" if baseline >= "N0500" else "L2A"
        return f"Sentinel-2/MSI/{level}/{start[:4]}/{start[4:6]}/{start[6:8]}/{self.folder.name}"

    @property
    def files(self) -> dict[str, Path]:
        """All files by their path in the product."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in found}

    @cached_property
    def product(self) -> ProductMetadata:
        with (self.folder / "MTD_MSIL2A.xml").open("rb") as stream:
            return read_product_metadata(stream)

    @cached_property
    def tile(self) -> TileMetadata:
        with self._tile_file.open("rb") as stream:
            return read_tile_metadata(stream)

    @property
    def granule(self) -> str:
        return self._tile_file.parent.name

    @property
    def datatake_id(self) -> str:
        found = self._product_xml.find(".//{*}Datatake")
        assert found is not None
        return found.attrib["datatakeIdentifier"]

    @property
    def absolute_orbit(self) -> int:
        return int(re.findall(r"_(\d{6})_", self.datatake_id)[0])

    def product_text(self, element: str) -> str:
        """The text of an element of MTD_MSIL2A.xml."""
        return (self._product_xml.findtext(f".//{{*}}{element}") or "").strip()

    def tile_text(self, element: str) -> str:
        """The text of an element of MTD_TL.xml."""
        return (self._tile_xml.findtext(f".//{{*}}{element}") or "").strip()

    def proj(self, resolution: int) -> tuple[list[float], list[int], list[float]]:
        """Bounding box, shape and transform at a resolution."""
        x, y = self.tile.corners[resolution]
        rows, columns = self.tile.sizes[resolution]
        box = [float(x), float(y - rows * resolution), float(x + columns * resolution), float(y)]
        return box, [rows, columns], [float(resolution), 0.0, float(x), 0.0, float(-resolution), float(y)]

    @property
    def ring(self) -> list[list[float]]:
        """The tile's corners in degrees, from upper left clockwise and back; real footprints are cut to the swath."""
        (west, south, east, north), _, _ = self.proj(10)
        transform = Transformer.from_crs(self.tile.epsg, 4326, always_xy=True).transform
        corners = [(west, north), (east, north), (east, south), (west, south), (west, north)]
        return [list(transform(*corner)) for corner in corners]

    @property
    def bbox(self) -> list[float]:
        longitudes, latitudes = zip(*self.ring, strict=True)
        return [round(value, 6) for value in (min(longitudes), min(latitudes), max(longitudes), max(latitudes))]

    @property
    def _tile_file(self) -> Path:
        return next(self.folder.glob("GRANULE/*/MTD_TL.xml"))

    @cached_property
    def _product_xml(self) -> Element:
        return _root(self.folder / "MTD_MSIL2A.xml")

    @cached_property
    def _tile_xml(self) -> Element:
        return _root(self._tile_file)


def _root(file: Path) -> Element:
    root = parse(file).getroot()
    assert root is not None
    return root
