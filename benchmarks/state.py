"""How long it takes to see that nothing is to be done for a full dataset, and how much memory.

    python -m benchmarks.state --samples 1760000 --scratch /dev/shm

Makes the records of as many samples as wanted and their files, empty ones of the right size, with the package's own
code; then tells for each scene whether it is done, and how the build stands (``status``), each in a fresh process.
Files without content take memory alone in a tmpfs (about 1 KB each): 1.76 million samples need 11 GB there.
"""

import json
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

import click
import numpy as np
import pyarrow as pa

from benchmarks.measure import Measured, measure
from seasonet_build.config import BuildConfig, load_config
from seasonet_build.engine import tasks
from seasonet_build.engine.agenda import Agenda
from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.engine.status import read_status
from seasonet_build.engine.units import Done, Runner, Unit
from seasonet_build.model.bands import LABELS_SUFFIX, PATCH_FILES
from seasonet_build.model.checksums import record_schema
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout
from seasonet_build.storage import write_table, written_file

PATCHES_OF_SCENE = 700
SUFFIXES = (*(file.suffix for file in PATCH_FILES), LABELS_SUFFIX)
SIZES = (52_000, 21_000, 32_000, 1_900, 700)
"""Bytes of the files of a patch: those of real patches, about."""

CONFIG = """\
[dataset]
name = "state"
[paths]
workspace = "{workspace}"
[products]
folders = ["products"]
[labels]
source = "map.gpkg"
"""


def make_state(workspace: WorkspaceLayout, dataset: DatasetLayout, samples: int) -> None:
    """Make records, manifests and files of some samples."""
    store = make_store(workspace, dataset)
    units = {}
    for number, start in enumerate(range(0, samples, PATCHES_OF_SCENE)):
        paths = patches_of(number, min(PATCHES_OF_SCENE, samples - start))
        make_files(dataset.root, paths)
        unit = unit_of(workspace, dataset, number, paths)
        write_table(make_record(paths, number), workspace.patches(unit.key))
        output = store.outputs([written_file(workspace.patches(unit.key))])
        store.write(Manifest(unit.stage, unit.key, unit.fingerprint, output, {"patches": len(paths)}))
        units[unit.key] = unit.fingerprint
    Agenda(workspace.state, "cut").begin(units)


def make_store(workspace: WorkspaceLayout, dataset: DatasetLayout) -> ManifestStore:
    """Return the store of manifests that a build uses."""
    return ManifestStore(workspace.state, {"workspace": workspace.root, "dataset": dataset.root})


def patches_of(scene: int, n: int) -> list[str]:
    """Return the paths of the patches of a made-up scene."""
    season = ("spring", "summer", "fall", "winter", "snow")[scene % 5]
    names = (
        f"32U{scene % 26 + 65:c}{scene // 26 % 22 + 65:c}_20180418T{scene:06d}_5{i:07d}_7_503876" for i in range(n)
    )
    return [f"{season}/grid{i % 2 + 1}/{name}" for i, name in enumerate(names)]


def make_files(root: Path, paths: list[str]) -> None:
    """Make the files of patches, of the right size and without content."""
    for path in paths:
        folder = f"{root}/{path}"
        os.makedirs(folder)  # noqa: PTH103
        prefix = f"{folder}/{path.rpartition('/')[2]}"
        for suffix, size in zip(SUFFIXES, SIZES, strict=True):
            descriptor = os.open(f"{prefix}_{suffix}.tif", os.O_CREAT | os.O_WRONLY)
            os.ftruncate(descriptor, size)
            os.close(descriptor)


def make_record(paths: list[str], seed: int) -> pa.Table:
    """Return a record of patches with check sums drawn at random, which cannot be compressed, as true ones."""
    chance, n = np.random.default_rng(seed), len(paths)
    columns = [pa.array(paths)]
    for size in SIZES:
        digests = chance.bytes(32 * n)
        columns.append(pa.array(np.full(n, size, dtype=np.int32)))
        columns.append(pa.array([digests[32 * i : 32 * i + 32] for i in range(n)], pa.binary(32)))
        columns.append(pa.array(chance.integers(0, 1 << 32, n, dtype=np.uint32)))
    return pa.Table.from_arrays(columns, schema=record_schema(SUFFIXES))


def unit_of(workspace: WorkspaceLayout, dataset: DatasetLayout, scene: int, paths: list[str]) -> Unit:
    """Return the unit that cuts a made-up scene."""
    key = f"scene{scene:06d}"
    stands = partial(tasks.records_stand, workspace.patches(key), dataset.root)
    return Unit("cut", key, ("made of", *paths), partial(Done), stands)


def scan(workspace: WorkspaceLayout, dataset: DatasetLayout, samples: int) -> int:
    """See which scenes are to be cut, as a run does; return how many."""
    starts = range(0, samples, PATCHES_OF_SCENE)
    counts = [min(PATCHES_OF_SCENE, samples - start) for start in starts]
    units = [unit_of(workspace, dataset, number, patches_of(number, n)) for number, n in enumerate(counts)]
    return len(Runner(make_store(workspace, dataset), 1).run(units).ran)


def status(config: BuildConfig) -> int:
    """Read how the build stands; return how many units are to do."""
    return sum(stage.to_do for stage in read_status(config).stages.values())


@click.command()
@click.option("--samples", default=1_760_000, show_default=True, help="Number of samples.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder to work in; default: that of the system.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(samples: int, scratch: Path | None, as_json: bool) -> None:
    """Time the scan before a resume and the status of a dataset."""
    root = Path(tempfile.mkdtemp(dir=scratch, prefix="state-"))
    try:
        workspace, dataset = WorkspaceLayout(root), DatasetLayout(root / "dataset")
        (root / "config.toml").write_text(CONFIG.format(workspace=root), encoding="utf-8")
        measure(partial(make_state, workspace, dataset, samples))
        click.echo("made", err=True)
        scanned: Measured[int] = measure(partial(scan, workspace, dataset, samples))
        told: Measured[int] = measure(partial(status, load_config(root / "config.toml").config))
        state_mb = sum(f.stat().st_size for name in ("state", "patches") for f in (root / name).rglob("*")) / 1e6
    finally:
        shutil.rmtree(root)
    if scanned.result or told.result:
        raise RuntimeError(f"{scanned.result} scenes would be cut again, {told.result} are called undone")
    result = {
        "samples": samples,
        "scan_wall_s": scanned.wall_s,
        "scan_cpu_s": scanned.cpu_s,
        "scan_peak_mb": scanned.peak_mb,
        "status_wall_s": told.wall_s,
        "state_mb": state_mb,
    }
    text = (
        f"{samples} samples: scan {scanned.wall_s:.1f} s on the clock, {scanned.peak_mb:.0f} MB; "
        f"status {told.wall_s:.1f} s; {state_mb:.0f} MB of state"
    )
    click.echo(json.dumps(result, indent=2) if as_json else text)


if __name__ == "__main__":
    main()
