"""What cutting a whole product costs, beside a floor and beside the loops that are common today.

    python -m benchmarks.cut --size 21960 --runs 1

Every figure is processor time (user and system) of a fresh process that does this one thing, without start-up and
imports; of several runs, the median. All patches of both grids are cut. See benchmarks.loops for what each loop does.
The product is made up (see benchmarks.product) and kept in the cache folder; patches go to a temporary folder in it or
in --scratch. Nothing is deleted before the end, so that a run of a whole tile needs about 7 GB: on ext4, files made
soon after a mass deletion cost many times as much, in all loops alike.
"""

import json
import platform
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import rasterio

from benchmarks.loops import SUFFIXES, FloorCost, Job, floor, open_per_patch, rasterio_loop, rasterio_rows
from benchmarks.measure import Measured, measure
from benchmarks.product import DEFAULT_CACHE, prepare
from benchmarks.writers import OUR_FOLDERS, RASTERIO_FOLDERS, write_with_ours, write_with_rasterio
from seasonet_build.config.models import OutputSection, ProductsSection
from seasonet_build.model.grid import GRIDS, all_cells
from seasonet_build.model.layout import patch_path
from seasonet_build.model.names import coordinate_text, patch_name
from seasonet_build.model.tiles import TILE_SIZE_M
from seasonet_build.raster.geotiff import Compression
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.cut import CutSettings, Patches, cut_scene
from seasonet_build.stages.observe import observe_scene

COMPARED = 5
"""Patches of which our files and those of the rasterio loops are compared."""


@dataclass
class Costs:
    """Processor seconds of each run; of the writers, for a folder of five files."""

    ours: list[Measured[int]] = field(default_factory=list)
    floor: list[FloorCost] = field(default_factory=list)
    rasterio: list[float] = field(default_factory=list)
    rasterio_rows: list[float] = field(default_factory=list)
    open_per_patch: list[float] = field(default_factory=list)
    observe: list[float] = field(default_factory=list)
    writer_ours: list[float] = field(default_factory=list)
    writer_rasterio: list[float] = field(default_factory=list)


def make_job(scene: Scene, labels: Path) -> Job:
    """Return the job of cutting all patches of a scene, compressed as a configuration does by default."""
    output = OutputSection()
    paths: list[str] = []
    cells = [all_cells(scene.tile, grid) for grid in GRIDS]
    for grid, of_grid in zip(GRIDS, cells, strict=True):
        latitudes, longitudes = coordinate_text(of_grid)
        names = [patch_name(scene.tile.name, scene.start, *at) for at in zip(latitudes, longitudes, strict=True)]
        paths += [patch_path("spring", grid, name) for name in names]
    x, y = np.concatenate([c.x for c in cells]), np.concatenate([c.y for c in cells])
    return Job(
        scene, labels, Patches(tuple(paths), x, y), Compression(output.compression, output.level, output.predictor)
    )


def settings(job: Job) -> CutSettings:
    """Return the settings that a configuration gives by default."""
    return CutSettings(job.compression, ProductsSection.model_fields["max_zero_share"].default)


def ours(job: Job, root: Path) -> int:
    """Cut with the package; return the number of bytes written."""
    record = cut_scene(job.scene, job.patches, job.labels, root, root / ".staging", settings(job))
    return sum(int(record[f"{suffix}_bytes"].to_numpy().sum()) for suffix in SUFFIXES)


def run_once(job: Job, folder: Path, sample: list[int], costs: Costs) -> None:
    """Measure every loop once and add to the costs."""
    made, others = folder / "ours", [folder / name for name in ("rasterio", "rasterio-rows", "open-per-patch")]
    costs.writer_ours.append(measure(partial(write_with_ours, job, folder / "writer")).result / OUR_FOLDERS)
    per_folder = measure(partial(write_with_rasterio, job, folder / "rasterio-writer")).result / RASTERIO_FOLDERS
    costs.writer_rasterio.append(per_folder)
    say(f"  writing a folder: ours {costs.writer_ours[-1] * 1e3:.2f} CPU ms, rasterio {per_folder * 1e3:.2f}")
    costs.ours.append(measure(partial(ours, job, made)))
    say(f"  ours {costs.ours[-1].cpu_s:.1f} CPU s")
    costs.floor.append(measure(partial(floor, job, made, folder / "floor")).result)
    say(f"  floor {costs.floor[-1].cpu_s:.1f} CPU s")
    costs.rasterio.append(measure(partial(rasterio_loop, job, others[0])).cpu_s)
    say(f"  rasterio {costs.rasterio[-1]:.1f} CPU s")
    costs.rasterio_rows.append(measure(partial(rasterio_rows, job, others[1])).cpu_s)
    say(f"  rasterio by rows {costs.rasterio_rows[-1]:.1f} CPU s")
    costs.open_per_patch.append(measure(partial(open_per_patch, job, others[2], sample)).cpu_s)
    say(f"  open per patch {costs.open_per_patch[-1]:.1f} CPU s for {len(sample)} of {len(job.patches)} patches")
    costs.observe.append(measure(partial(observe_scene, job.scene, folder / "observations.parquet")).cpu_s)
    for index in sample[:COMPARED]:
        for peer in others:
            compare(job, index, made, peer)


def compare(job: Job, index: int, one: Path, other: Path) -> None:
    """Check that two datasets hold the same files, to the byte.

    Raises:
        RuntimeError: they do not, so that the comparison of costs would be worthless.
    """
    for suffix in SUFFIXES:
        file = job.file(index, suffix)
        if (one / file).read_bytes() != (other / file).read_bytes():
            raise RuntimeError(f"{one.name} and {other.name} differ in {file}")


def summary(job: Job, product_mb: float, sample: list[int], costs: Costs) -> dict[str, Any]:
    """Return medians and ratios."""
    ours_s, rasterio_s = median(run.cpu_s for run in costs.ours), median(costs.rasterio)
    parts = {name: median(getattr(run, name) for run in costs.floor) for name in FloorCost.__annotations__}
    floor_s = median(run.cpu_s for run in costs.floor)
    per_patch_s = median(costs.open_per_patch) * len(job.patches) / len(sample)
    return {
        "size_m": job.scene.tile.size_m,
        "patches": len(job.patches),
        "runs": len(costs.ours),
        "product_mb": product_mb,
        "written_mb": costs.ours[0].result / 1e6,
        "floor_cpu_s": floor_s,
        **{f"floor_{name}": seconds for name, seconds in parts.items()},
        "ours_cpu_s": ours_s,
        "ours_wall_s": median(run.wall_s for run in costs.ours),
        "rasterio_cpu_s": rasterio_s,
        "rasterio_rows_cpu_s": median(costs.rasterio_rows),
        "open_per_patch_cpu_s": per_patch_s,
        "open_per_patch_sample": len(sample),
        "ours_over_floor": ours_s / floor_s,
        "rasterio_over_ours": rasterio_s / ours_s,
        "open_per_patch_over_ours": per_patch_s / ours_s,
        "peak_mb": max(run.peak_mb for run in costs.ours),
        "observe_cpu_s": median(costs.observe),
        "writer_ours_s": median(costs.writer_ours),
        "writer_rasterio_s": median(costs.writer_rasterio),
        "writer_ratio": median(costs.writer_rasterio) / median(costs.writer_ours),
    }


def table(result: dict[str, Any]) -> str:
    """Return the result as lines of text."""
    ours_s = result["ours_cpu_s"]
    lines = [
        f"{result['patches']} patches of a tile of {result['size_m']} m, {result['product_mb']:.0f} MB of JPEG 2000, "
        f"{result['written_mb']:.0f} MB written; median of {result['runs']}",
        "",
        f"{'':<17}{'CPU s':>9}{'x ours':>9}",
    ]
    for title, key in (
        ("floor", "floor"),
        ("ours", "ours"),
        ("rasterio", "rasterio"),
        ("rasterio by rows", "rasterio_rows"),
        ("open per patch", "open_per_patch"),
    ):
        seconds = result[f"{key}_cpu_s"]
        lines.append(f"{title:<17}{seconds:>9.1f}{seconds / ours_s:>9.2f}")
    lines += [
        "",
        "floor: decode {floor_decode_s:.1f} s, compress {floor_compress_s:.1f} s, write {floor_write_s:.1f} s; "
        "ours is {ours_over_floor:.2f} times the floor",
        "open per patch: extrapolated from {open_per_patch_sample} patches",
        "ours: {ours_wall_s:.1f} s on the clock, at most {peak_mb:.0f} MB",
        "observe: {observe_cpu_s:.2f} CPU s",
        "writing alone, CPU s for a folder of five files: ours {writer_ours_s:.5f}, "
        "rasterio {writer_rasterio_s:.5f}, {writer_ratio:.1f} times",
    ]
    return "\n".join(lines).format(**result)


def say(text: str) -> None:
    """Show progress."""
    click.echo(text, err=True)


@click.command()
@click.option(
    "--size", "size_m", default=TILE_SIZE_M, show_default=True, help="Side of the tile, metres; 60 divides it."
)
@click.option("--cache", default=DEFAULT_CACHE, type=click.Path(path_type=Path), help="Folder to keep the product in.")
@click.option(
    "--runs", default=1, show_default=True, type=click.IntRange(min=1), help="Measure so often; the median counts."
)
@click.option("--sample", default=20, show_default=True, type=click.IntRange(min=1), help="Patches for open-per-patch.")
@click.option("--seed", default=1, show_default=True, help="Seed of the pixels and of the sample.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder to write patches in; default: the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(size_m: int, cache: Path, runs: int, sample: int, seed: int, scratch: Path | None, as_json: bool) -> None:
    """Measure the cut stage."""
    # Made in another process: it takes much memory, and ours would seem to need as much.
    inputs = measure(partial(prepare, cache, size_m, seed, say)).result
    job = make_job(inputs.scene, inputs.labels)
    n = len(job.patches)
    chosen = np.random.default_rng(seed).choice(n, min(sample, n), replace=False).tolist()
    costs = Costs()
    with tempfile.TemporaryDirectory(dir=scratch or cache, prefix="run-") as name:
        folder = Path(name)
        for number in range(1, runs + 1):
            say(f"run {number} of {runs}")
            run_once(job, folder / str(number), chosen, costs)
        result = summary(job, inputs.product_mb, chosen, costs)
    result |= {"python": platform.python_version(), "rasterio": rasterio.__version__, "gdal": rasterio.__gdal_version__}
    click.echo(json.dumps(result, indent=2) if as_json else table(result))


if __name__ == "__main__":
    main()
