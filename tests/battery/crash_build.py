"""A build to kill: one tile, three products in two season sets, a land-cover map and districts.

Everything lies in one folder, which never moves: records of a build name the files it was made from.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

import geopandas
import numpy as np
import pyogrio
import shapely

from seasonet_build.demo.safe import BAND_RESOLUTION, SyntheticProduct, write_product
from tests.integration.support import without_times

TILE, EPSG, ULX, ULY, SIZE = "32UNA", 32632, 540_000, 5_560_020, 3000
"""The smallest tile that has locations enough in both grids, four each, to deal them to three sets."""

N_PATCHES = 16

CONFIG = """\
[dataset]
name = "crash"
[paths]
workspace = "work"
[area]
tiles = ["32UNA"]
[products]
folders = ["products"]
damaged = "stop"
[labels]
source = "map.gpkg"
[regions]
kind = "districts"
source = "districts.gpkg"
table = "districts.csv"
[split]
train = 0.5
val = 0.25
test = 0.25
"""

BEST = SyntheticProduct(TILE, EPSG, ULX, ULY, SIZE, datetime(2018, 4, 18, 10, 40, 21))
"""The product that all patches of spring are cut from."""

NEXT = SyntheticProduct(TILE, EPSG, ULX, ULY, SIZE, datetime(2018, 5, 8, 10, 40, 21))
"""Another one of spring: a few clouds in every patch."""

SUMMER = SyntheticProduct(TILE, EPSG, ULX, ULY, SIZE, datetime(2018, 7, 17, 10, 40, 21))
"""The only product of summer."""


def write_image_product(folder: Path, product: SyntheticProduct, seed: int, *, cloudy: bool = False) -> Path:
    """Write a product of squares of 120 m: small files, and no two patches alike."""
    random = np.random.default_rng(seed)
    bands = {}
    for band, metres in BAND_RESOLUTION.items():
        drawn = random.integers(1, 4000, (SIZE // 120,) * 2).astype(np.uint16)
        bands[band] = drawn.repeat(120 // metres, axis=0).repeat(120 // metres, axis=1)
    scl = np.full((SIZE // 20,) * 2, 4, dtype=np.uint8)
    if cloudy:
        scl[::30, ::30] = 9
    return write_product(folder, product, bands, scl)


def _write_maps(folder: Path) -> None:
    west, middle, east = ULX - 100, ULX + SIZE // 2 + 100, ULX + SIZE + 100
    south, north = ULY - SIZE - 100, ULY + 100
    halves = [shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)]
    clc = geopandas.GeoDataFrame({"CLC18": ["112", "311"]}, geometry=halves, crs=25832)
    pyogrio.write_dataframe(clc, folder / "map.gpkg")
    districts = geopandas.GeoDataFrame({"ags": ["01001", "01002"]}, geometry=halves, crs=25832)
    pyogrio.write_dataframe(districts, folder / "districts.gpkg")
    (folder / "districts.csv").write_text("ags,ktyp4,rtyp3,slraum\n01001,1,1,1\n01002,4,3,2\n")


Tree = Mapping[str, bytes]
"""The content of each file by its path relative to the workspace."""


@dataclass(frozen=True)
class CrashBuild:
    """A folder with inputs, a configuration, and the workspace ``work``."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "build.toml"

    @property
    def products(self) -> Path:
        return self.folder / "products"

    @property
    def workspace(self) -> Path:
        return self.folder / "work"

    @property
    def dataset(self) -> Path:
        return self.workspace / "dataset"

    def write_inputs(self) -> None:
        self.products.mkdir(parents=True)
        write_image_product(self.products, BEST, 1)
        write_image_product(self.products, NEXT, 2, cloudy=True)
        write_image_product(self.products, SUMMER, 3)
        _write_maps(self.folder)
        self.config.write_text(CONFIG, encoding="utf-8")

    def start_from(self, saved: Path | None) -> None:
        """Give the workspace the state of a saved copy, times included; None: no workspace at all."""
        shutil.rmtree(self.workspace, ignore_errors=True)
        if saved is not None:
            shutil.copytree(saved, self.workspace, symlinks=True)

    def save(self, target: Path) -> Path:
        """Keep a copy of the workspace."""
        shutil.copytree(self.workspace, target, symlinks=True)
        return target

    def tree(self) -> Tree:
        """Return the files of the workspace, the dataset among them; manifests without times."""
        return read_tree(self.workspace)


def read_tree(folder: Path) -> dict[str, bytes]:
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            found[path.relative_to(folder).as_posix()] = without_times(path.read_bytes())
    return found


def comparable(tree: Tree) -> dict[str, str]:
    """Return the check sums of files, without what rightly tells when, and by whom, a build was made.

    That is: the lock and who holds it, when the last run ended, and the times at which lists of changes were made, in
    their names and in them.
    """
    named = {name: content for name, content in tree.items() if not is_lock(name)}
    dated = sorted(name for name in named if is_dated(name))
    timeless = {f"{PurePosixPath(name).parent}/{n}": _without_time(named.pop(name)) for n, name in enumerate(dated)}
    return {name: hashlib.sha256(content).hexdigest() for name, content in {**named, **timeless}.items()}


def is_lock(name: str) -> bool:
    return name.startswith((".lock", ".holder"))


def is_dated(name: str) -> bool:
    """Tell of files of JSON that name a time: how the last run ended, and what runs have changed."""
    return name == "state/run.json" or (name.startswith("changes/") and not name.endswith(".part.json"))


def _without_time(content: bytes) -> bytes:
    told = json.loads(content)
    return json.dumps({key: value for key, value in told.items() if key not in ("time", "ended")}).encode()


def differing(one: Mapping[str, str], other: Mapping[str, str], names: Iterable[str] | None = None) -> list[str]:
    """Return the names that only one has, or that differ."""
    return sorted(n for n in (names if names is not None else one.keys() | other.keys()) if one.get(n) != other.get(n))
