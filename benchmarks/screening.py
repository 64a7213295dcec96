"""What the stage ``screen`` costs on a whole product, beside decoding the bands that it looks at.

    python -m benchmarks.screening --size 32940 --runs 3

All cells of both grids are candidates, which is the worst that can be. Every figure is processor time of a fresh
process; of several runs, the median. The product is made up (see benchmarks.product) and kept in the cache folder.
"""

import json
from functools import partial
from pathlib import Path
from statistics import median

import click
import numpy as np

from benchmarks.measure import measure
from benchmarks.product import DEFAULT_CACHE, prepare
from seasonet_build.clouds.features import patch_features
from seasonet_build.clouds.images import scene_images
from seasonet_build.clouds.measures import bright_pixels, high_vapour, vapour_ratios
from seasonet_build.model.grid import GRIDS, all_cells
from seasonet_build.model.tiles import TILE_SIZE_M
from seasonet_build.sources.scenes import Scene


def look(scene: Scene, measures: str) -> int:
    """Read all patches of a scene and do as much with them as asked: ``none``, ``screen`` or ``features``."""
    cells = [all_cells(scene.tile, grid) for grid in GRIDS]
    x, y = np.concatenate([c.x for c in cells]), np.concatenate([c.y for c in cells])
    for members, images in scene_images(scene, x, y):
        if measures != "none":
            bright_pixels(images)
            high_vapour(vapour_ratios(images))
        if measures == "features":
            patch_features(images, np.zeros(len(members)), np.ones(len(members)))
    return len(x)


@click.command()
@click.option(
    "--size", "size_m", default=TILE_SIZE_M, show_default=True, help="Side of the tile, metres; 60 divides it."
)
@click.option("--cache", default=DEFAULT_CACHE, type=click.Path(path_type=Path), help="Folder to keep the product in.")
@click.option("--runs", default=1, show_default=True, type=click.IntRange(min=1), help="Measure so often.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(size_m: int, cache: Path, runs: int, as_json: bool) -> None:
    """Measure the stage that looks for cloud in snowy candidates."""
    inputs = measure(partial(prepare, cache, size_m, 1, partial(click.echo, err=True))).result
    found = {"none": [measure(partial(look, inputs.scene, "none")) for _ in range(runs)]}
    for name in ("screen", "features"):
        found[name] = [measure(partial(look, inputs.scene, name)) for _ in range(runs)]
    seconds = {name: median(run.cpu_s for run in measured) for name, measured in found.items()}
    patches = found["none"][0].result
    result = {
        "size_m": size_m,
        "patches": patches,
        "decode_cpu_s": seconds["none"],
        "screen_cpu_s": seconds["screen"],
        "model_features_cpu_s": seconds["features"],
        "screen_over_decode": seconds["screen"] / seconds["none"],
        "screen_ms_a_patch": 1000 * (seconds["screen"] - seconds["none"]) / patches,
        "features_ms_a_patch": 1000 * (seconds["features"] - seconds["screen"]) / patches,
        "peak_mb": max(run.peak_mb for run in found["features"]),
    }
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        click.echo(f"{name:<22}{value:>12.2f}")


if __name__ == "__main__":
    main()
