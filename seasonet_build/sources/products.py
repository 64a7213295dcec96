"""Sentinel-2 Level-2A products: found, read and checked before any pixel is used."""

from collections.abc import Iterable
from pathlib import Path

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import RASTER_RESOLUTION
from seasonet_build.model.products import PRODUCT_NAME
from seasonet_build.sources.cogs import CogInspection
from seasonet_build.sources.container import BROKEN_ARCHIVE, COG_SUFFIX, open_container
from seasonet_build.sources.inspection import Product
from seasonet_build.sources.metadata import MetadataError
from seasonet_build.sources.safes import SafeInspection

__all__ = ["Product", "inspect_product"]


def inspect_product(path: Path, needed: Iterable[str] = RASTER_RESOLUTION) -> Product:
    """Read the metadata of a product and check that it is whole and agrees with itself.

    Args:
        path: a ``.SAFE`` folder, a ``.zip`` archive of one, or a ``.COG`` folder.
        needed: the rasters that must be there, such as ``B02`` or ``SCL``; default: all that the dataset uses.

    Raises:
        ProductError: a file is missing or damaged, or metadata, names and rasters disagree.
    """
    name = path.name.removesuffix(".zip").removesuffix(".SAFE").removesuffix(COG_SUFFIX)
    match = PRODUCT_NAME.fullmatch(path.name)
    if match is None:
        raise ProductError(name, "is not named like a Sentinel-2 Level-2A product")
    container = open_container(path)
    inspection = CogInspection if path.suffix == COG_SUFFIX else SafeInspection
    try:
        return inspection(name, match, container).run(sorted(needed))
    except MetadataError as error:
        raise ProductError(name, str(error)) from None
    except BROKEN_ARCHIVE as error:
        raise ProductError(name, f"the archive is damaged ({error}); fetch it again") from None
    except OSError as error:
        raise ProductError(name, f"cannot be read: {error}") from None
