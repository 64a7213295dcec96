"""Sentinel-2 Level-2A products in the SAFE format, folders or archives: read and checked."""

import re
from collections.abc import Mapping

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import BAND_RESOLUTION, RASTER_RESOLUTION
from seasonet_build.model.tiles import Tile, utm_epsg
from seasonet_build.sources.container import Container
from seasonet_build.sources.inspection import Product, check_raster, compact_time, joint_digest
from seasonet_build.sources.integrity import (
    MANIFEST,
    ZERO_RUN,
    Listed,
    find_mismatch,
    is_credible,
    read_manifest,
    scan,
)
from seasonet_build.sources.jpeg2000 import find_damage
from seasonet_build.sources.metadata import (
    ProductMetadata,
    TileMetadata,
    read_product_metadata,
    read_tile_metadata,
)

_RASTER = re.compile(
    r"GRANULE/(?P<granule>[^/]+)/IMG_DATA/R\d\dm/(?:L2A_)?T\w{5}_\d{8}T\d{6}_(?P<raster>\w{3})_(?P<metres>\d\d)m\.jp2"
)
_GRANULE = re.compile(r"L2A_T(?P<tile>\d{2}[A-Z]{3})_A\d{6}_(?P<datastrip>\d{8}T\d{6})")
_PRODUCT_XML = "MTD_MSIL2A.xml"
_TILE_XML = re.compile(r"GRANULE/(?P<granule>[^/]+)/MTD_TL\.xml")


class SafeInspection:
    """The steps of looking at one product."""

    def __init__(self, name: str, match: re.Match[str], container: Container) -> None:
        """Take the product's name, the parts of its name by PRODUCT_NAME, and its files."""
        self.name, self.match, self.container = name, match, container
        self.files = container.names()

    def run(self, needed: list[str]) -> Product:
        """Look at the product; ``needed`` are the rasters that must be there.

        Raises:
            ProductError: the product is incomplete, damaged, or disagrees with itself.
            MetadataError: a metadata file is damaged.
        """
        tile_xml, granule = self._granule()
        with self.container.open(_PRODUCT_XML) as stream:
            metadata = read_product_metadata(stream)
        with self.container.open(tile_xml) as stream:
            geometry = read_tile_metadata(stream)
        extent = self._extent(granule["tile"], metadata, geometry)
        rasters = self._rasters(granule[0], needed)
        listed = self._manifest()
        digests = [self._checked_digest(file, listed) for file in (_PRODUCT_XML, tile_xml, *rasters.values())]
        for raster, file in rasters.items():
            path = self.container.gdal_path(file)
            check_raster(self.name, path, extent, RASTER_RESOLUTION[raster], "MTD_TL.xml")
        return Product(
            name=self.name,
            path=str(self.container.path),
            platform=self.match["platform"],
            start=metadata.start.replace(microsecond=0),
            baseline=metadata.baseline,
            orbit=metadata.orbit,
            discriminator=self.match["discriminator"],
            datastrip=compact_time(granule["datastrip"]),
            tile=extent.name,
            epsg=extent.epsg,
            ulx=extent.ulx,
            uly=extent.uly,
            size_m=extent.size_m,
            cloud=metadata.cloud,
            offsets={band: metadata.offsets[band] for band in BAND_RESOLUTION},
            rasters={raster: self.container.gdal_path(file) for raster, file in rasters.items()},
            digest=joint_digest(digests),
            manifest_credible=bool(listed),
        )

    def _granule(self) -> tuple[str, re.Match[str]]:
        """Return the path of MTD_TL.xml and the parts of the granule's name."""
        if _PRODUCT_XML not in self.files:
            raise ProductError(self.name, f"{_PRODUCT_XML} is missing")
        found = [m for m in map(_TILE_XML.fullmatch, self.files) if m]
        if len(found) != 1:
            raise ProductError(self.name, f"has {len(found)} granules with MTD_TL.xml, not 1")
        granule = _GRANULE.fullmatch(found[0]["granule"])
        if granule is None:
            raise ProductError(self.name, f"granule {found[0]['granule']!r} is not named like one of Level-2A")
        return found[0][0], granule

    def _extent(self, granule_tile: str, metadata: ProductMetadata, geometry: TileMetadata) -> Tile:
        """Return the extent that the metadata state, after holding all statements against each other."""
        named = self.match["tile"]
        for source, tile in (("MTD_TL.xml", geometry.tile), ("the granule folder", granule_tile)):
            if tile != named:
                raise ProductError(self.name, f"the product is named after tile {named}, {source} says {tile}")
        if geometry.epsg != utm_epsg(named):
            raise ProductError(self.name, f"MTD_TL.xml says EPSG:{geometry.epsg}, tile {named} is in {utm_epsg(named)}")
        if metadata.start.strftime("%Y%m%dT%H%M%S") != self.match["start"]:
            raise ProductError(
                self.name, f"MTD_MSIL2A.xml says that the datatake started {metadata.start:%Y%m%dT%H%M%S}"
            )
        corners, sizes = set(geometry.corners.values()), set()
        for resolution, (rows, cols) in geometry.sizes.items():
            sizes |= {rows * resolution, cols * resolution}
        if len(corners) != 1 or len(sizes) != 1 or set(geometry.sizes) < set(RASTER_RESOLUTION.values()):
            raise ProductError(self.name, f"MTD_TL.xml: corners {sorted(corners)} and sides {sorted(sizes)} m, not one")
        ulx, uly = corners.pop()
        return Tile(named, geometry.epsg, ulx, uly, sizes.pop())

    def _rasters(self, granule: str, needed: list[str]) -> dict[str, str]:
        """Return the file of each raster that is needed, at its native resolution."""
        found = {
            m["raster"]: m[0]
            for m in map(_RASTER.fullmatch, self.files)
            if m and m["granule"] == granule and RASTER_RESOLUTION.get(m["raster"]) == int(m["metres"])
        }
        missing = [f"{raster}_{RASTER_RESOLUTION[raster]}m" for raster in needed if raster not in found]
        if missing:
            raise ProductError(self.name, f"lacks {', '.join(missing)}; fetch the whole product")
        return {raster: found[raster] for raster in needed}

    def _manifest(self) -> dict[str, Listed]:
        """Return what the manifest lists; nothing if there is none that can be believed."""
        if MANIFEST not in self.files:
            return {}
        with self.container.open(MANIFEST) as stream:
            listed = read_manifest(stream)
        sizes = {file: self.container.size(file) for file in self.files}
        return listed if is_credible(listed, sizes) else {}

    def _checked_digest(self, file: str, listed: Mapping[str, Listed]) -> str:
        """Read a file through, check it, and return a text that stands for its content."""
        entry, size = listed.get(file), self.container.size(file)
        with self.container.open(file) as stream:
            file_scan = scan(stream, entry.algorithm if entry else None)
        damage = find_mismatch(file_scan, size, entry)
        if damage is None and file.endswith(".jp2"):
            with self.container.open(file) as stream:
                damage = find_damage(stream, size)
            if damage is None and file_scan.has_zero_run and entry is None:
                damage = f"is damaged: it has {ZERO_RUN} or more zero bytes in a row"
        if damage is not None:
            raise ProductError(self.name, f"{file} {damage}; fetch it again")
        return f"{file} {file_scan.sha256}"
