"""What downloading costs: transfers beside curl's, memory, and a run that finds all in place.

    python -m benchmarks.download --runs 7 --json

Wall time on loopback, where nothing but the program limits a transfer. The transfers verify what they fetch (SHA3-256)
and have it written to the disk; curl does neither, so that it is timed with ``openssl dgst`` and ``sync`` too.
Processes take turns; of several runs, the median.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import click

from benchmarks.fetching import CONNECTIONS, Served, check_with_openssl, fetch, fetch_with_curl, make_files
from benchmarks.fileserver import serving
from benchmarks.measure import measure
from benchmarks.stubs import Ran, make_recorded, make_served, make_workspace, run_command

KIT_SIZES = [1_000_000 + 80_000 * number for number in range(13)]
"""Files like those of one product of the test material, bytes."""

LARGE_SIZES = [110_000_000]
"""One file like the largest of a product, bytes."""

SERVED_PRODUCTS, SERVED_SIZE = 3, 5_000_000
NOBODY = "http://127.0.0.1:9"
"""Nobody listens there."""


def fetch_unverified(files: Sequence[Served], url: str, folder: Path) -> None:
    """Fetch files with the package as if the catalogue gave no check sums."""
    fetch([Served(file.name, file.size, None) for file in files], url, folder)


def fetch_and_check_with_curl(files: Sequence[Served], url: str, folder: Path) -> None:
    """Fetch files with curl, verify them and have them written."""
    fetch_with_curl(files, url, folder)
    check_with_openssl(files, folder)


def time_transfers(folder: Path, sizes: Sequence[int], runs: int) -> dict[str, float]:
    """Return the median wall time of each way to fetch the same files, seconds, and the package's peak memory, MB."""
    tasks = {"fetch_all": fetch, "unverified": fetch_unverified}
    if shutil.which("curl"):
        tasks["curl"] = fetch_with_curl
        if shutil.which("openssl"):
            tasks["curl_checked"] = fetch_and_check_with_curl
    else:
        say("curl is not there: nothing to compare with")
    walls: dict[str, list[float]] = {name: [] for name in tasks}
    peak_mb = 0.0
    (folder / "server").mkdir(parents=True)
    # In a process of its own: the memory of this one counts as that of all that it starts.
    files = measure(partial(make_files, folder / "server", sizes, 1)).result
    with serving(folder / "server") as url:
        for number in range(runs + 1):
            for name, task in tasks.items():
                place = folder / f"{number}-{name}"
                place.mkdir()
                measured = measure(partial(task, files, url, place))
                if number:  # the first run warms up
                    walls[name].append(measured.wall_s)
                if name == "fetch_all":
                    peak_mb = max(peak_mb, measured.peak_mb)
    result = {f"{name}_wall_s": median(seconds) for name, seconds in walls.items()}
    ours = result["fetch_all_wall_s"]
    result |= {f"ratio_to_{name}": ours / median(walls[name]) for name in ("curl", "curl_checked") if name in walls}
    if "curl" in walls:
        result["unverified_ratio_to_curl"] = median(walls["unverified"]) / median(walls["curl"])
    return {**result, "peak_mb": peak_mb}


def run_served(folder: Path) -> Ran:
    """Run the command for a few products that a server has."""
    (folder / "server").mkdir(parents=True)
    with serving(folder / "server") as url:
        measure(partial(make_workspace, folder, url, SERVED_PRODUCTS, CONNECTIONS))
        measure(partial(make_served, folder, folder / "server", SERVED_SIZE))
        ran = run_command(folder)
    if ran.summary["products"]["fetched"] != SERVED_PRODUCTS:
        raise RuntimeError(f"not all was fetched: {ran.summary}")
    return ran


def run_again(folder: Path, products: int, runs: int) -> list[Ran]:
    """Run the command where all products are in place, and no server is."""
    measure(partial(make_workspace, folder, NOBODY, products, CONNECTIONS))
    measure(partial(make_recorded, folder))
    rans = [run_command(folder) for _ in range(runs)]
    if any(ran.summary["products"]["there"] != products or ran.summary["bytes_fetched"] for ran in rans):
        raise RuntimeError(f"not all was in place: {rans[0].summary}")
    return rans


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set variables for the commands that are run."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def as_text(result: Mapping[str, Mapping[str, float]]) -> str:
    """Return the figures to read."""
    lines = []
    for part, figures in result.items():
        lines.append(part.replace("_", " ") + ":")
        lines += [f"  {name.replace('_', ' ')}: {value:.3g}" for name, value in figures.items()]
    return "\n".join(lines)


def say(text: str) -> None:
    """Print progress on stderr."""
    click.echo(text, err=True)


@click.command()
@click.option("--runs", default=7, show_default=True, type=click.IntRange(min=1), help="Measure so often.")
@click.option("--products", default=1000, show_default=True, help="Products that are in place.")
@click.option("--scratch", type=click.Path(path_type=Path, exists=True), help="Folder to work in.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(runs: int, products: int, scratch: Path | None, as_json: bool) -> None:
    """Measure transfers, memory and a run that finds all in place."""
    # Keys that are signed with, and nobody checks.
    keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    result: dict[str, dict[str, float]] = {}
    with (
        tempfile.TemporaryDirectory(dir=scratch, prefix="download-") as name,
        environment(**keys, SEASONET_STATE=f"{name}/shared"),
    ):
        folder = Path(name)
        for case, sizes in (("kit_product", KIT_SIZES), ("large_file", LARGE_SIZES)):
            say(f"{case}: {len(sizes)} files, {sum(sizes) / 1e6:.0f} MB")
            result[case] = time_transfers(folder / case, sizes, runs)
        say("the command, with products to fetch")
        result["command"] = {"peak_mb": run_served(folder / "served").peak_mb}
        say(f"the command, with {products} products in place")
        rans = run_again(folder / "again", products, runs)
        result["rerun"] = {
            "products": float(products),
            "wall_s": median(ran.wall_s for ran in rans),
            "peak_mb": max(ran.peak_mb for ran in rans),
        }
    click.echo(json.dumps(result, indent=2) if as_json else as_text(result))


if __name__ == "__main__":
    main()
