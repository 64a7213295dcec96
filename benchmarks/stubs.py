"""Made-up products for measuring the command ``download``: a configuration, a choice, files that are there or served.

The state is written by the package's own classes. The items for the server are of the Copernicus Data Space's form.
"""

import hashlib
import json
import random
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, islice
from os import wait4
from pathlib import Path
from typing import Any

from benchmarks.fileserver import ITEMS
from seasonet_build.model.bands import RASTER_RESOLUTION

TILES = Path(__file__).parent.parent / "configs" / "seasonet-2018.toml"
METADATA = {"product_metadata": "MTD_MSIL2A.xml", "granule_metadata": "MTD_TL.xml", "safe_manifest": "manifest.safe"}
RECORDED_SIZE = 1_500_000


@dataclass(frozen=True)
class Ran:
    """What a run of the command took, and its summary."""

    wall_s: float
    peak_mb: float
    summary: dict[str, Any]


def make_workspace(folder: Path, url: str, products: int, connections: int) -> None:
    """Write a configuration and a choice of so many products on the tiles of Germany."""
    from seasonet_build.config import load_config
    from seasonet_build.engine.search import make_requests, tiles_of
    from seasonet_build.model.layout import WorkspaceLayout
    from seasonet_build.stages.product_lock import Group, Locked, ProductLock, write_lock

    tiles = tomllib.loads(TILES.read_text(encoding="utf-8"))["area"]["tiles"]
    (folder / "products").mkdir(parents=True)
    (folder / "config.toml").write_text(_CONFIG.format(tiles=json.dumps(tiles), url=url, connections=connections))
    config = load_config(folder / "config.toml").config
    requests = make_requests(config, tiles_of(config))
    chosen: dict[Any, list[Locked]] = {key: [] for key in requests}
    for number, key in islice(enumerate(cycle(requests)), products):
        chosen[key].append(Locked(_name(key.tile, number), 1.0, 0.0))
    groups = {key: Group(requests[key], tuple(locked)) for key, locked in chosen.items()}
    write_lock(ProductLock(f"cdse {url}", groups), WorkspaceLayout(config.workspace).product_lock)


def make_recorded(folder: Path) -> None:
    """Put empty files of a usual size in place for all that is chosen, and record them as fetched."""
    from seasonet_build.transfer.ledger import Ledger

    products = folder / "products"
    ledger = Ledger(folder / "workspace" / "state" / "fetch", products)
    for name in _chosen(folder):
        paths = [path for _, path in _paths(name)]
        for path in paths:
            (products / path).parent.mkdir(parents=True, exist_ok=True)
            with (products / path).open("wb") as file:
                file.truncate(RECORDED_SIZE)
        ledger.record(name, paths)


def make_served(folder: Path, server: Path, size: int) -> None:
    """Write random files of a size, and the catalogue's items, for all that is chosen."""
    draw, items = random.Random(1), []
    for name in _chosen(folder):
        assets = {}
        for key, path in _paths(name):
            data = draw.randbytes(size)
            (server / "eodata" / path).parent.mkdir(parents=True, exist_ok=True)
            (server / "eodata" / path).write_bytes(data)
            address = f"s3://eodata/{path}"
            assets[key] = {
                **{"href": address, "alternate": {"https": {"href": address}}, "file:local_path": path},
                **{"file:size": size, "file:checksum": "1620" + hashlib.sha3_256(data).hexdigest()},
            }
        start = name.split("_")[2]
        properties = {
            **{"eopf:datastrip_id": f"S2A_OPER_MSI_L2A_DS_2BPS_{start}_S{start}_N05.00", "eo:cloud_cover": 1.0},
            **{"processing:version": "05.00", "datetime": None},
        }
        items.append({"type": "Feature", "id": name, "geometry": None, "properties": properties, "assets": assets})
    (server / ITEMS).write_text(json.dumps({"type": "FeatureCollection", "features": items, "links": []}))


def run_command(folder: Path) -> Ran:
    """Run ``seasonet-build download`` in a process of its own.

    The calling process must hold little memory, as for benchmarks.measure.
    """
    command = [sys.executable, "-m", "seasonet_build", "download", str(folder / "config.toml"), "--json"]
    start = time.perf_counter()
    with (folder / "out.txt").open("wb") as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = status  # or Popen would wait for it again
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    summary = json.loads((folder / "out.txt").read_text(encoding="utf-8").splitlines()[-1])
    return Ran(wall_s, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024), summary)


_CONFIG = """\
[dataset]
name = "bench"
[paths]
workspace = "workspace"
[area]
tiles = {tiles}
[products]
folders = ["products"]
[labels]
source = "landcover"
[download]
url = "{url}"
endpoint = "{url}"
connections = {connections}
scl_first = false
"""


def _chosen(folder: Path) -> list[str]:
    from seasonet_build.stages.product_lock import read_lock

    lock = read_lock(folder / "workspace" / "products.lock")
    return [] if lock is None else lock.names


def _name(tile: str, number: int) -> str:
    start = datetime(2018, 4, 1, 10, 40, 21) + timedelta(minutes=number)
    return f"S2A_MSIL2A_{start:%Y%m%dT%H%M%S}_N0500_R008_T{tile}_20230812T090144"


def _paths(name: str) -> Iterator[tuple[str, str]]:
    """Give key and path of the files of a product that are fetched."""
    for key, file in METADATA.items():
        yield key, f"{name}.SAFE/{file}"
    for raster, metres in RASTER_RESOLUTION.items():
        yield f"{raster}_{metres}m", f"{name}.SAFE/GRANULE/IMG_DATA/R{metres}m/{raster}_{metres}m.jp2"
