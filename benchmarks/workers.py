"""How much sooner two workers cut two products than one worker does.

    python -m benchmarks.workers --size 54900 --runs 3

Wall time of the package's own runner, whose workers have been started: a build does that once for all its stages, which
takes some seconds. Of several runs, the median. Nothing that was
written is deleted before the end: on ext4, files made soon after a mass deletion cost many times as much.
"""

import json
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import click

from benchmarks.cut import make_job, say, settings
from benchmarks.loops import Job
from benchmarks.measure import measure
from benchmarks.product import DEFAULT_CACHE, prepare
from seasonet_build.engine import tasks
from seasonet_build.engine.manifests import ManifestStore
from seasonet_build.engine.units import Done, Runner, Unit

PRODUCTS = 2


def cut_products(job: Job, folder: Path, workers: int) -> float:
    """Cut the same product several times, into a dataset each, with the package's runner; return seconds."""
    roots = {f"dataset{number}": folder / str(number) for number in range(PRODUCTS)}
    units = []
    for name, root in roots.items():
        places = tasks.CutPlaces(root, root / ".staging", folder / "patches" / f"{name}.parquet")
        task = partial(tasks.cut, job.scene, job.patches, job.labels, places, settings(job), "")
        units.append(Unit("cut", name, (name,), task))
    runner = Runner(ManifestStore(folder / "state", {**roots, "workspace": folder}), workers)
    runner.run([Unit("start", str(number), (), partial(import_all, 1.0)) for number in range(workers)])
    start = time.perf_counter()
    outcome = runner.run(units)
    if outcome.errors:
        raise RuntimeError(f"could not be cut: {outcome.errors}")
    return time.perf_counter() - start


def import_all(seconds: float) -> Done:
    """Keep a worker busy for a moment, so that each of them starts; importing this module imports the package."""
    time.sleep(seconds)
    return Done()


@click.command()
@click.option("--size", "size_m", default=54900, show_default=True, help="Side of the tile, metres; 60 divides it.")
@click.option("--cache", default=DEFAULT_CACHE, type=click.Path(path_type=Path), help="Folder to keep the product in.")
@click.option("--runs", default=3, show_default=True, type=click.IntRange(min=1), help="Measure so often.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder to write patches in; default: the cache.")
@click.option("--seed", default=1, show_default=True, help="Seed of the pixels.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(size_m: int, cache: Path, runs: int, scratch: Path | None, seed: int, as_json: bool) -> None:
    """Time two products with one worker and with two."""
    inputs = measure(partial(prepare, cache, size_m, seed, say)).result
    job = make_job(inputs.scene, inputs.labels)
    walls: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(dir=scratch or cache, prefix="run-") as name:
        for number in range(runs):
            for workers, seconds in walls.items():
                folder = Path(name) / f"{number}-{workers}"
                seconds.append(measure(partial(cut_products, job, folder, workers)).result)
                say(f"run {number + 1} of {runs}, {workers} worker(s): {seconds[-1]:.1f} s on the clock")
    one, two = median(walls[1]), median(walls[2])
    result = {
        "size_m": size_m,
        "patches": PRODUCTS * len(job.patches),
        "runs": runs,
        "one_worker_wall_s": one,
        "two_workers_wall_s": two,
        "two_workers_speedup": one / two,
    }
    text = f"{PRODUCTS} products: {one:.1f} s with one worker, {two:.1f} s with two, {one / two:.2f} times as fast"
    click.echo(json.dumps(result, indent=2) if as_json else text)


if __name__ == "__main__":
    main()
