"""What labelling a whole tile costs, beside rasterising the polygons anew for each patch.

    python -m benchmarks.label --size 21960

Every figure is processor time (user and system) of a fresh process, without start-up and imports; of several runs, the
median. ``ours`` reads the indexed copy of the map, rasterises the tile, writes the raster, and counts classes and
regions in all cells of both grids. ``per patch`` is the loop in common use: read the map once, then for each patch find
its polygons with a spatial index and call rasterio's rasterize; it is measured on a sample and extrapolated.
"""

import json
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
import geopandas
import numpy as np
import pandas as pd
import rasterio
import rasterio.features
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window

from benchmarks.landmap import LandMap, write_map
from benchmarks.measure import Measured, Stopwatch, measure
from benchmarks.product import bench_tile
from seasonet_build.model.classes import raster_code
from seasonet_build.model.grid import GRIDS, PATCH_M, all_cells
from seasonet_build.model.tiles import TILE_SIZE_M, Tile
from seasonet_build.sources.landcover import LABEL_RESOLUTION, indexed_copy, open_land_cover, write_indexed_copy
from seasonet_build.stages.label import RegionLevels, label_tile

LEVELS = RegionLevels(connectivity=4, medium_px=100, easy_px=300)
SIDE = PATCH_M // LABEL_RESOLUTION
MAX_DIFFERENT = 1e-4
"""Pixel centres on an outline may go to either side; more pixels than this share must not differ."""


@dataclass(frozen=True)
class PerPatch:
    """Processor seconds: reading the map once, all patches of the sample; and what came out for them."""

    read_s: float
    sample_s: float
    images: NDArray[np.uint8]


def index(source: Path, folder: Path) -> None:
    """Make the indexed copy of the map, once a dataset."""
    write_indexed_copy(open_land_cover(source, "clc5_class*", "CLC18", None), folder)


def ours(source: Path, folder: Path, tile: Tile, raster: Path) -> None:
    """Label a tile with the package."""
    land_cover = indexed_copy(open_land_cover(source, "clc5_class*", "CLC18", None), folder)
    label_tile(land_cover, tile, LEVELS, raster, raster.with_suffix(".parquet"))


def per_patch(source: Path, tile: Tile, corners: list[tuple[int, int]]) -> PerPatch:
    """Rasterise the polygons of each patch by itself."""
    read, burn = Stopwatch(), Stopwatch()
    with read:
        layers = [
            geopandas.read_file(path, columns=["CLC18"], engine="pyogrio") for path in sorted(source.rglob("*.shp"))
        ]
        frame = pd.concat(layers).to_crs(tile.epsg)
        codes = np.array([raster_code(code) for code in frame["CLC18"]])
        shapes, tree = frame.geometry.to_numpy(), frame.sindex
    images = np.empty((len(corners), SIDE, SIDE), np.uint8)
    with burn:
        for image, (x, y) in zip(images, corners, strict=True):
            near = tree.intersection((x, y - PATCH_M, x + PATCH_M, y))
            rasterio.features.rasterize(
                ((shapes[i], codes[i]) for i in near),
                out=image,
                fill=0,
                transform=from_origin(x, y, LABEL_RESOLUTION, LABEL_RESOLUTION),
            )
    return PerPatch(read.cpu_s, burn.cpu_s, images)


def compare(tile: Tile, raster: Path, corners: list[tuple[int, int]], images: NDArray[np.uint8]) -> float:
    """Return the share of pixels in which the label raster differs from images of some patches."""
    different = 0
    with rasterio.open(raster) as file:
        for (x, y), image in zip(corners, images, strict=True):
            left, top = (x - tile.ulx) // LABEL_RESOLUTION, (tile.uly - y) // LABEL_RESOLUTION
            different += int(np.count_nonzero(file.read(1, window=Window(left, top, SIDE, SIDE)) != image))
    return different / images.size


def run(folder: Path, tile: Tile, made: LandMap, runs: int, sample: int, seed: int) -> dict[str, Any]:
    """Measure and return the result.

    Raises:
        RuntimeError: the two ways give different labels.
    """
    cells = [all_cells(tile, grid) for grid in GRIDS]
    corners = list(zip(np.concatenate([c.x for c in cells]), np.concatenate([c.y for c in cells]), strict=True))
    chosen = np.random.default_rng(seed).choice(len(corners), min(sample, len(corners)), replace=False)
    some = [(int(corners[i][0]), int(corners[i][1])) for i in chosen]
    raster = folder / "labels.tif"
    say("indexed copy")
    copied = measure(partial(index, made.folder, folder / "copy"))
    own: list[Measured[None]] = []
    peer: list[PerPatch] = []
    for number in range(1, runs + 1):
        say(f"run {number} of {runs}")
        own.append(measure(partial(ours, made.folder, folder / "copy", tile, raster)))
        peer.append(measure(partial(per_patch, made.folder, tile, some)).result)
    different = compare(tile, raster, some, peer[0].images)
    if different > MAX_DIFFERENT:
        raise RuntimeError(f"the label raster differs from the loop per patch in {different:.2%} of the pixels")
    ours_s = median(m.cpu_s for m in own)
    per_patch_s = median(p.read_s + p.sample_s * len(corners) / len(some) for p in peer)
    return {
        "size_m": tile.size_m,
        "polygons": made.polygons,
        "vertices": made.vertices,
        "patches": len(corners),
        "runs": runs,
        "index_cpu_s": copied.cpu_s,
        "ours_cpu_s": ours_s,
        "ours_wall_s": median(m.wall_s for m in own),
        "peak_mb": max(m.peak_mb for m in own),
        "per_patch_cpu_s": per_patch_s,
        "per_patch_read_s": median(p.read_s for p in peer),
        "per_patch_sample": len(some),
        "per_patch_over_ours": per_patch_s / ours_s,
        "different_share": different,
    }


def table(result: dict[str, Any]) -> str:
    """Return the result as lines of text."""
    lines = (
        "{polygons} polygons of {vertices} vertices on a tile of {size_m} m, {patches} patches; median of {runs}",
        "",
        "indexed copy  {index_cpu_s:9.1f} CPU s, once for all tiles",
        "ours          {ours_cpu_s:9.1f} CPU s, {ours_wall_s:.1f} s on the clock, at most {peak_mb:.0f} MB",
        "per patch     {per_patch_cpu_s:9.1f} CPU s, {per_patch_over_ours:.1f} times ours; extrapolated from "
        "{per_patch_sample} patches",
        "pixels that differ: {different_share:.1e} of those of the sample",
    )
    return "\n".join(lines).format(**result)


def say(text: str) -> None:
    """Show progress."""
    click.echo(text, err=True)


@click.command()
@click.option(
    "--size", "size_m", default=TILE_SIZE_M, show_default=True, help="Side of the tile, metres; 60 divides it."
)
@click.option(
    "--runs", default=1, show_default=True, type=click.IntRange(min=1), help="Measure so often; the median counts."
)
@click.option(
    "--sample", default=200, show_default=True, type=click.IntRange(min=1), help="Patches for the loop per patch."
)
@click.option("--seed", default=1, show_default=True, help="Seed of the map and of the sample.")
@click.option(
    "--scratch", type=click.Path(path_type=Path), help="Folder to work in; default: the system's temporary one."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(size_m: int, runs: int, sample: int, seed: int, scratch: Path | None, as_json: bool) -> None:
    """Measure the label stage."""
    tile = bench_tile(size_m)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="seasonet-bench-") as name:
        folder = Path(name)
        say("making the map")
        made = measure(partial(write_map, folder / "map", tile, seed)).result
        result = run(folder, tile, made, runs, sample, seed)
    click.echo(json.dumps(result, indent=2) if as_json else table(result))


if __name__ == "__main__":
    main()
