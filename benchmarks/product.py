"""Make the product that the benchmarks read: a whole Level-2A tile, made up, with the codestream of real ones.

The JPEG 2000 files are coded as ESA's are (read off real products): lossless, 15 bits, four wavelet levels, blocks of
1024, 640 and 192 px, code-blocks of 64, 8 and 4 px, precincts of 256, 128 and 64 px, every bit plane arithmetic-coded.
That matters: with GDAL's defaults, or with the demo's writer, the same pixels decode in half the time.

    python -m benchmarks.product --size 21960
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from benchmarks.pixels import OFFSET, make_labels, make_pixels
from seasonet_build.demo import safe_xml
from seasonet_build.demo.safe import SyntheticProduct
from seasonet_build.model.bands import RASTER_RESOLUTION, SCL
from seasonet_build.model.tiles import TILE_SIZE_M, Tile, nominal_tile
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.scenes import Scene, make_scenes

TILE = "32UNA"
DEFAULT_CACHE = Path(tempfile.gettempdir()) / "seasonet-bench-cache"
_VERSION = 1
"""Part of the folder's name: raise it when other pixels or files are made."""

_CODING = {10: (1024, 64, 256), 20: (640, 8, 128), 60: (192, 4, 64)}
"""Sides of block, code-block and precinct by pixel size, px."""

_LEVELS = 5
_LABEL_BLOCK = 512


@dataclass(frozen=True)
class BenchInputs:
    """What the benchmarks read: a checked scene of one product, and a label raster of its tile."""

    scene: Scene
    labels: Path

    @property
    def product_mb(self) -> float:
        """Return the size of the 12 bands, MB."""
        rasters = self.scene.first.rasters
        return sum(Path(path).stat().st_size for band, path in rasters.items() if band != SCL) / 1e6


def prepare(cache: Path, size_m: int, seed: int, say: Callable[[str], None]) -> BenchInputs:
    """Return the inputs of a size, made on the first call and then taken from ``cache``."""
    folder = cache / f"tile-{size_m}-{seed}-v{_VERSION}"
    if not folder.is_dir():
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write_inputs(partial, size_m, seed, say)
        partial.rename(folder)
    say("checking the product")
    with gdal_env():
        product = inspect_product(next(folder.glob("*.SAFE")))
    scenes, _ = make_scenes([product])
    return BenchInputs(scenes[0], folder / "labels.tif")


def bench_tile(size_m: int) -> Tile:
    """Return the tile, or the upper-left part of it that has this size."""
    nominal = nominal_tile(TILE)
    return Tile(TILE, nominal.epsg, nominal.ulx, nominal.uly, size_m)


def _write_inputs(folder: Path, size_m: int, seed: int, say: Callable[[str], None]) -> None:
    tile = bench_tile(size_m)
    product = SyntheticProduct(
        tile=TILE,
        epsg=tile.epsg,
        ulx=tile.ulx,
        uly=tile.uly,
        size_m=size_m,
        start=datetime(2018, 4, 18, 10, 30, 21),
        baseline="05.00",
        offset=OFFSET,
    )
    say("making labels")
    _write_labels(folder / "labels.tif", tile, make_labels(size_m, seed))
    say("making pixels")
    pixels = make_pixels(size_m, seed)
    safe = folder / product.name
    images: dict[str, NDArray[np.uint16] | NDArray[np.uint8]] = {**pixels.bands, SCL: pixels.scl}
    for raster, data in images.items():
        say(f"encoding {raster}")
        resolution = RASTER_RESOLUTION[raster]
        _write_jp2(safe / f"{product.image(raster, resolution)}.jp2", tile, resolution, data)
    names = sorted(product.image(raster, RASTER_RESOLUTION[raster]) for raster in images)
    (safe / "MTD_MSIL2A.xml").write_bytes(safe_xml.product_metadata(product, names, pixels.scl))
    (safe / "GRANULE" / product.granule / "MTD_TL.xml").write_bytes(safe_xml.tile_metadata(product))
    (safe / "manifest.safe").write_bytes(safe_xml.manifest(product, safe))


def _write_jp2(path: Path, tile: Tile, resolution: int, data: NDArray[np.uint16] | NDArray[np.uint8]) -> None:
    block, code_block, precinct = _CODING[resolution]
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="JP2OpenJPEG",
        width=data.shape[1],
        height=data.shape[0],
        count=1,
        dtype=data.dtype.name,
        crs=f"EPSG:{tile.epsg}",
        transform=from_origin(tile.ulx, tile.uly, resolution, resolution),
        NBITS="15" if data.dtype == np.uint16 else "8",
        QUALITY="100",
        REVERSIBLE="YES",
        tiled=True,  # else rasterio drops the width of the blocks
        BLOCKXSIZE=str(block),
        BLOCKYSIZE=str(block),
        RESOLUTIONS=str(_LEVELS),
        CODEBLOCK_WIDTH=str(code_block),
        CODEBLOCK_HEIGHT=str(code_block),
        PRECINCTS=",".join([f"{{{precinct},{precinct}}}"] * _LEVELS),
        PROGRESSION="LRCP",
    ) as target:
        target.write(data, 1)


def _write_labels(path: Path, tile: Tile, labels: NDArray[np.uint8]) -> None:
    """Write a label raster as the label stage writes it."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=labels.shape[1],
        height=labels.shape[0],
        count=1,
        dtype="uint8",
        crs=f"EPSG:{tile.epsg}",
        transform=from_origin(tile.ulx, tile.uly, 10, 10),
        tiled=True,
        blockxsize=_LABEL_BLOCK,
        blockysize=_LABEL_BLOCK,
        compress="zstd",
    ) as target:
        target.write(labels, 1)


@click.command()
@click.option(
    "--size", "size_m", default=TILE_SIZE_M, show_default=True, help="Side of the tile, metres; 60 divides it."
)
@click.option("--cache", default=DEFAULT_CACHE, type=click.Path(path_type=Path), help="Folder to keep it in.")
@click.option("--seed", default=1, show_default=True, help="Seed of the pixels.")
def main(size_m: int, cache: Path, seed: int) -> None:
    """Make the product and print the size of its files."""
    inputs = prepare(cache, size_m, seed, lambda text: click.echo(text, err=True))
    for raster, path in sorted(inputs.scene.first.rasters.items()):
        click.echo(f"{raster}  {Path(path).stat().st_size / 1e6:7.1f} MB")
    click.echo(f"12 bands {inputs.product_mb:.1f} MB, in {inputs.scene.first.path}")


if __name__ == "__main__":
    main()
