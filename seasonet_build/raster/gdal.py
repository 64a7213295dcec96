"""The GDAL settings under which every raster is read and written."""

import rasterio
from rasterio.session import DummySession

BLOCK_CACHE_MB = 64


def gdal_env() -> rasterio.Env:
    """Return the environment to read and write rasters in.

    One thread, because GDAL's JPEG 2000 reader hides damage otherwise: with more than one, a truncated file reads as
    zeros without an error. A small block cache, because every block is read once. No side files beside inputs.
    No session: with keys for S3 in the environment rasterio would load boto3 and look for profiles each time.
    """
    return rasterio.Env(
        session=DummySession(),
        GDAL_NUM_THREADS="1",
        GDAL_CACHEMAX=BLOCK_CACHE_MB,
        GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR",
        GDAL_PAM_ENABLED="NO",
    )
