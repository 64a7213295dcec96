"""What the looks at all forms of products share: the record of a product, its name, and checks of its rasters."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

import rasterio
from pydantic import BaseModel, ConfigDict
from rasterio.errors import RasterioError

from seasonet_build.errors import ProductError
from seasonet_build.model.tiles import Tile
from seasonet_build.sources.container import COG_SUFFIX


class Product(BaseModel):
    """A product that has been looked at and may be used.

    ``datastrip`` is the sensing start of the datastrip; ``offsets`` the BOA_ADD_OFFSET of each band; ``rasters`` the
    path that GDAL opens for each band and for SCL, of those that were asked for; ``digest`` a SHA-256 over the content
    of all files that are read; ``manifest_credible`` tells whether files were held against checksums: those in
    ``manifest.safe``, or those that came with a product of Cloud-Optimised GeoTIFFs.
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
    def is_cog(self) -> bool:
        """Tell whether this is a product of Cloud-Optimised GeoTIFFs and not one in the SAFE format."""
        return self.path.endswith(COG_SUFFIX)

    @property
    def extent(self) -> Tile:
        """Return where the product's tile lies."""
        return Tile(self.tile, self.epsg, self.ulx, self.uly, self.size_m)


def check_raster(product: str, path: str, extent: Tile, resolution: int, source: str, dtype: str | None = None) -> None:
    """Hold size, corner and coordinate system of a raster against what the metadata state.

    Args:
        product: the product's name.
        path: the raster, as GDAL opens it.
        extent: where the metadata say that the tile lies.
        resolution: the pixel size that the raster must have, metres.
        source: the file that states the extent, for messages.
        dtype: the type of its pixels; None: any.

    Raises:
        ProductError: the raster cannot be opened, or differs.
    """
    file = path.rpartition("/")[2]
    try:
        with rasterio.open(path) as raster:
            shape, epsg, transform = raster.shape, raster.crs and raster.crs.to_epsg(), raster.transform
            dtypes = list(raster.dtypes)
    except RasterioError as error:
        raise ProductError(product, f"{file} cannot be opened: {error}") from None
    side = extent.pixels(resolution)
    if shape != (side, side):
        raise ProductError(product, f"{file} has {shape[1]} x {shape[0]} px, {source} says {side} x {side}")
    if epsg != extent.epsg:
        raise ProductError(product, f"{file} is in EPSG:{epsg}, {source} says EPSG:{extent.epsg}")
    corner, pixel = (transform.c, transform.f), (transform.a, transform.e)
    if corner != (extent.ulx, extent.uly) or pixel != (resolution, -resolution):
        raise ProductError(product, f"{file} starts at {corner}, {source} says {(extent.ulx, extent.uly)}")
    if dtype is not None and dtypes != [dtype]:
        raise ProductError(product, f"{file} holds {', '.join(dtypes)}, not one band of {dtype}; fetch it again")


def joint_digest(digests: Iterable[str]) -> str:
    """Return a SHA-256 in hex that stands for the content of several files."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def compact_time(text: str) -> datetime:
    """Return the UTC time that is written like 20180418T104021 in names.

    Raises:
        ValueError: there is no such time.
    """
    return datetime.strptime(f"{text}+0000", "%Y%m%dT%H%M%S%z")
