"""What it costs to verify a dataset: in each mode, and beside it reading, hashing and decoding alone.

    python -m benchmarks.verify --patches 2000

A made-up dataset whose pixels compress well, so that the cost for each file shows, not that of its bytes. Seconds of
the processor, without start-up and imports, in one process; of several runs, the median.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
import rasterio

from benchmarks.measure import measure
from seasonet_build.cli.options import progress_bar
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.verify.check import verify_dataset
from seasonet_build.verify.findings import Mode
from tests.verify.datasets import patches, write_dataset


def make(root: Path, n: int) -> int:
    """Write a dataset of about ``n`` patches; return the number of its files."""
    members = patches(max(1, round((n / 8) ** 0.5)))
    write_dataset(root, members)
    return 5 * len(members)


def check(root: Path, mode: Mode) -> None:
    """Verify the dataset."""
    report = verify_dataset(root, mode, 1, progress_bar)
    if not report.ok:
        raise RuntimeError(f"{root}: a problem was found in a whole dataset: {report.problems[0]}")


def read_and_hash(root: Path) -> None:
    """Read all files of patches and hash them."""
    for file in root.glob("*/*/*/*.tif"):
        hashlib.sha256(file.read_bytes()).digest()


def decode(root: Path) -> None:
    """Open all files of patches with rasterio and decode them."""
    with gdal_env():
        for file in root.glob("*/*/*/*.tif"):
            with rasterio.open(file) as source:
                source.read()


@click.command()
@click.option("--patches", "n", default=2000, show_default=True, help="Patches of the dataset, about; five files each.")
@click.option("--runs", default=3, show_default=True, type=click.IntRange(min=1), help="Measure so often.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(n: int, runs: int, as_json: bool) -> None:
    """Measure all modes."""
    with tempfile.TemporaryDirectory(prefix="seasonet-bench-") as name:
        root = Path(name) / "dataset"
        files = measure(partial(make, root, n)).result
        tasks: dict[str, Callable[[], None]] = {f"verify, {mode.value}": partial(check, root, mode) for mode in Mode}
        tasks |= {"read and hash alone": partial(read_and_hash, root), "open and decode alone": partial(decode, root)}
        result: dict[str, Any] = {"files": files, "runs": runs}
        for text, task in tasks.items():
            done = [measure(task) for _ in range(runs)]
            seconds = median(one.cpu_s for one in done)
            peak = max(one.peak_mb for one in done)
            result[text] = {"cpu_s": seconds, "files_per_cpu_s": files / seconds, "peak_mb": peak}
            click.echo(f"{text}: {seconds:.2f} s, {files / seconds:.0f} files/s, {peak:.0f} MB", err=as_json)
    if as_json:
        click.echo(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
