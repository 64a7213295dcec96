"""Sentinel-2 Level-2A products: found, read and checked before any pixel is used."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import rasterio
from pydantic import BaseModel, ConfigDict
from rasterio.errors import RasterioError

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import BAND_RESOLUTION, RASTER_RESOLUTION
from seasonet_build.model.tiles import Tile, utm_epsg
from seasonet_build.sources.container import BROKEN_ARCHIVE, Container, open_container
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
    MetadataError,
    ProductMetadata,
    TileMetadata,
    read_product_metadata,
    read_tile_metadata,
)

PRODUCT_NAME = re.compile(
    r"(?P<platform>S2[A-D])_MSIL2A_(?P<start>\d{8}T\d{6})_N(?P<baseline>\d{4})_R(?P<orbit>\d{3})"
    r"_T(?P<tile>\d{2}[A-Z]{3})_(?P<discriminator>\d{8}T\d{6})(?:\.SAFE)?(?:\.zip)?"
)
_RASTER = re.compile(
    r"GRANULE/(?P<granule>[^/]+)/IMG_DATA/R\d\dm/(?:L2A_)?T\w{5}_\d{8}T\d{6}_(?P<raster>\w{3})_(?P<metres>\d\d)m\.jp2"
)
_GRANULE = re.compile(r"L2A_T(?P<tile>\d{2}[A-Z]{3})_A\d{6}_(?P<datastrip>\d{8}T\d{6})")
_PRODUCT_XML = "MTD_MSIL2A.xml"
_TILE_XML = re.compile(r"GRANULE/(?P<granule>[^/]+)/MTD_TL\.xml")


class Product(BaseModel):
    """A product that has been looked at and may be used.

    ``datastrip`` is the sensing start of the datastrip; ``offsets`` the BOA_ADD_OFFSET of each band; ``rasters`` the
    path that GDAL opens for each band and for SCL; ``digest`` a SHA-256 over the content of all files that are read;
    ``manifest_credible`` tells whether files were held against the checksums in ``manifest.safe``.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    platform: str
    start: datetime
    baseline: str
    orbit: int
    discriminator: str
    datastrip: datetime
    tile: str
    epsg: int
    ulx: int
    uly: int
    size_m: int
    cloud: float
    offsets: dict[str, int]
    rasters: dict[str, str]
    digest: str
    manifest_credible: bool

    @property
    def extent(self) -> Tile:
        """Return where the product's tile lies."""
        return Tile(self.tile, self.epsg, self.ulx, self.uly, self.size_m)


def inspect_product(path: Path, needed: Iterable[str] = RASTER_RESOLUTION) -> Product:
    """Read the metadata of a product and check that it is whole and agrees with itself.

    Args:
        path: a ``.SAFE`` folder or a ``.zip`` archive of one.
        needed: the rasters that must be there, such as ``B02`` or ``SCL``; default: all that the dataset uses.

    Raises:
        ProductError: a file is missing or damaged, or metadata, names and rasters disagree.
    """
    name = path.name.removesuffix(".zip").removesuffix(".SAFE")
    match = PRODUCT_NAME.fullmatch(path.name)
    if match is None:
        raise ProductError(name, "is not named like a Sentinel-2 Level-2A product")
    container = open_container(path)
    try:
        return _Inspection(name, match, container).run(sorted(needed))
    except MetadataError as error:
        raise ProductError(name, str(error)) from None
    except BROKEN_ARCHIVE as error:
        raise ProductError(name, f"the archive is damaged ({error}); fetch it again") from None
    except OSError as error:
        raise ProductError(name, f"cannot be read: {error}") from None


class _Inspection:
    """The steps of looking at one product."""

    def __init__(self, name: str, match: re.Match[str], container: Container) -> None:
        self.name, self.match, self.container = name, match, container
        self.files = container.names()

    def run(self, needed: list[str]) -> Product:
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
            self._check_georeference(file, extent, RASTER_RESOLUTION[raster])
        return Product(
            name=self.name,
            path=str(self.container.path),
            platform=self.match["platform"],
            start=metadata.start.replace(microsecond=0),
            baseline=metadata.baseline,
            orbit=metadata.orbit,
            discriminator=self.match["discriminator"],
            datastrip=_compact_time(granule["datastrip"]),
            tile=extent.name,
            epsg=extent.epsg,
            ulx=extent.ulx,
            uly=extent.uly,
            size_m=extent.size_m,
            cloud=metadata.cloud,
            offsets={band: metadata.offsets[band] for band in BAND_RESOLUTION},
            rasters={raster: self.container.gdal_path(file) for raster, file in rasters.items()},
            digest=hashlib.sha256("\n".join(digests).encode()).hexdigest(),
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

    def _check_georeference(self, file: str, extent: Tile, resolution: int) -> None:
        """Hold size, corner and coordinate system of a raster against the metadata."""
        try:
            with rasterio.open(self.container.gdal_path(file)) as raster:
                shape, epsg, transform = raster.shape, raster.crs and raster.crs.to_epsg(), raster.transform
        except RasterioError as error:
            raise ProductError(self.name, f"{file} cannot be opened: {error}") from None
        side = extent.pixels(resolution)
        if shape != (side, side):
            raise ProductError(self.name, f"{file} has {shape[1]} x {shape[0]} px, MTD_TL.xml says {side} x {side}")
        if epsg != extent.epsg:
            raise ProductError(self.name, f"{file} is in EPSG:{epsg}, MTD_TL.xml says EPSG:{extent.epsg}")
        corner, pixel = (transform.c, transform.f), (transform.a, transform.e)
        if corner != (extent.ulx, extent.uly) or pixel != (resolution, -resolution):
            raise ProductError(self.name, f"{file} starts at {corner}, MTD_TL.xml says {(extent.ulx, extent.uly)}")


def _compact_time(text: str) -> datetime:
    return datetime.strptime(f"{text}+0000", "%Y%m%dT%H%M%S%z")
