"""Write synthetic Sentinel-2 Level-2A products in the layout of real ones (SAFE format)."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from seasonet_build.demo import safe_xml

# The pixel size in metres at which a Level-2A product carries each band that the dataset uses.
BAND_RESOLUTION: dict[str, int] = {
    **dict.fromkeys(("B02", "B03", "B04", "B08"), 10),
    **dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), 20),
    **dict.fromkeys(("B01", "B09"), 60),
}
_BLOCK_SIZE = {10: 1024, 20: 640, 60: 192}  # pixels, as in real products
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can tell


@dataclass(frozen=True)
class SyntheticProduct:
    """What names and places one synthetic Level-2A product.

    `ulx`, `uly` and `size_m` are metres and multiples of 60. Times are UTC. `discriminator` is the last field of the
    name (default: `start` plus three hours), `datastrip_start` the time in the granule folder's name (default:
    `start`), `offset` the BOA_ADD_OFFSET of every band (None: no such list, as before baseline 04.00).
    """

    tile: str
    epsg: int
    ulx: int
    uly: int
    size_m: int
    start: datetime
    platform: str = "A"
    baseline: str = "02.07"
    orbit: int = 8
    discriminator: datetime | None = None
    datastrip_start: datetime | None = None
    offset: int | None = None

    def __post_init__(self) -> None:
        """Refuse corners and sizes that 60 m pixels cannot meet."""
        if self.size_m <= 0 or any(value % 60 for value in (self.ulx, self.uly, self.size_m)):
            raise ValueError(f"corner and size must be multiples of 60 m: {self.ulx}, {self.uly}, {self.size_m}")

    @property
    def name(self) -> str:
        """The product's name, such as S2A_MSIL2A_20180418T104021_N0207_R008_T32UNA_20180418T134021.SAFE."""
        start, made = compact_time(self.start), compact_time(self.generated)
        number = self.baseline.replace(".", "")
        return f"S2{self.platform}_MSIL2A_{start}_N{number}_R{self.orbit:03d}_T{self.tile}_{made}.SAFE"

    @property
    def generated(self) -> datetime:
        """When the product was made."""
        return self.discriminator or self.start + timedelta(hours=3)

    @property
    def granule(self) -> str:
        """The granule folder's name. Its A field holds the relative orbit; real products have the absolute one."""
        return f"L2A_T{self.tile}_A{self.orbit:06d}_{compact_time(self.datastrip_start or self.start)}"

    def image(self, band: str, resolution: int) -> str:
        """Return the path of an image inside the product, with `/` and without the suffix."""
        # Baselines up to 02.06 put the level before every file name.
        prefix = "L2A_" if safe_xml.baseline_number(self.baseline) <= (2, 6) else ""
        stem = f"{prefix}T{self.tile}_{compact_time(self.start)}_{band}_{resolution}m"
        return f"GRANULE/{self.granule}/IMG_DATA/R{resolution}m/{stem}"


def compact_time(moment: datetime) -> str:
    """Write a time as in product names: 20180418T104021."""
    return f"{moment:%Y%m%dT%H%M%S}"


def write_product(
    folder: Path,
    product: SyntheticProduct,
    bands: Mapping[str, NDArray[np.uint16]],
    scl: NDArray[np.uint8],
    *,
    zipped: bool = False,
) -> Path:
    """Write one product into `folder` and return its path: the .SAFE folder, or the .zip of it.

    `bands` maps band names (keys of `BAND_RESOLUTION`) to stored digital numbers at native resolution, `scl` is the
    scene classification at 20 m. What is passed is written: a band left out is missing from the product too.
    The same arguments give the same bytes. The product appears under its name only when whole, and replaces an
    earlier one of that name.
    """
    partial = folder / f".{product.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    images: dict[str, tuple[int, NDArray[np.generic]]]
    images = {product.image(band, BAND_RESOLUTION[band]): (BAND_RESOLUTION[band], bands[band]) for band in bands}
    images[product.image("SCL", 20)] = (20, scl)
    for path, (resolution, data) in images.items():
        _write_jp2(partial / f"{path}.jp2", product, resolution, data)
    # Explicit bytes: text mode would write other line ends on Windows.
    (partial / "MTD_MSIL2A.xml").write_bytes(safe_xml.product_metadata(product, sorted(images), scl))
    (partial / "GRANULE" / product.granule / "MTD_TL.xml").write_bytes(safe_xml.tile_metadata(product))
    (partial / "manifest.safe").write_bytes(safe_xml.manifest(product, partial))
    return _zip_up(partial, product.name) if zipped else _move(partial, folder / product.name)


def _write_jp2(path: Path, product: SyntheticProduct, resolution: int, data: NDArray[np.generic]) -> None:
    side = product.size_m // resolution
    if data.shape != (side, side):
        raise ValueError(f"{path.name}: expected {side} x {side} pixels, got {data.shape}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="JP2OpenJPEG",
        width=side,
        height=side,
        count=1,
        dtype=data.dtype.name,
        crs=f"EPSG:{product.epsg}",
        transform=from_origin(product.ulx, product.uly, resolution, resolution),
        QUALITY="100",
        REVERSIBLE="YES",
        # Raw coding of the lowest bits: as lossless, as readable, and written in half the time.
        CODEBLOCK_STYLE="BYPASS",
        # GDAL clips these to the image.
        BLOCKXSIZE=str(_BLOCK_SIZE[resolution]),
        BLOCKYSIZE=str(_BLOCK_SIZE[resolution]),
    ) as target:
        target.write(data, 1)


def _move(partial: Path, target: Path) -> Path:
    if target.is_dir():
        shutil.rmtree(target)
    return partial.rename(target)


def _zip_up(partial: Path, name: str) -> Path:
    packed = partial.with_suffix(".zip-partial")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in partial.rglob("*") if path.is_file()):
            # Fixed time, system and permissions: the same bytes on every machine.
            member = zipfile.ZipInfo(f"{name}/{path.relative_to(partial).as_posix()}", _ZIP_TIME)
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, path.read_bytes())
    shutil.rmtree(partial)
    return packed.replace(partial.parent / f"{name.removesuffix('.SAFE')}.zip")
