"""A small build to spoil: one tile of 2.4 km, two products, a land-cover map and districts."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from shapely import affinity

from seasonet_build.demo.safe import BAND_RESOLUTION, SyntheticProduct, write_product
from tests.bad_input.command_line import Run, command_line

TILE, EPSG, ULX, ULY, SIZE = "32UNA", 32632, 540_000, 5_560_020, 2400

BEST = SyntheticProduct(TILE, EPSG, ULX, ULY, SIZE, datetime(2018, 4, 18, 10, 40, 21))
"""The product that all patches are cut from."""

NEXT = SyntheticProduct(TILE, EPSG, ULX, ULY, SIZE, datetime(2018, 5, 8, 10, 40, 21))
"""The next best: a few clouds in every patch."""

N_PATCHES = 5

CONFIG = """\
[dataset]
name = "small"
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
train = 1.0
val = 0.0
test = 0.0
"""

DISTRICTS = "ags,ktyp4,rtyp3,slraum\n01001,1,1,1\n01002,4,3,2\n"


def bands(seed: int, **replaced: NDArray[np.uint16]) -> dict[str, NDArray[np.uint16]]:
    random = np.random.default_rng(seed)
    drawn = {
        band: random.integers(1, 4000, (SIZE // metres,) * 2).astype(np.uint16)
        for band, metres in BAND_RESOLUTION.items()
    }
    return {**drawn, **replaced}


def scl(cloudy: bool = False) -> NDArray[np.uint8]:
    classes = np.full((SIZE // 20,) * 2, 4, dtype=np.uint8)
    if cloudy:
        classes[::30, ::30] = 9
    return classes


HALVES = (
    shapely.box(ULX - 100, ULY - SIZE - 100, ULX + 1300, ULY + 100),
    shapely.box(ULX + 1300, ULY - SIZE - 100, ULX + SIZE + 100, ULY + 100),
)


def write_map(path: Path, codes: tuple[str, str] = ("112", "311"), column: str = "CLC18", east: float = 0) -> None:
    moved = [affinity.translate(half, east) for half in HALVES]
    frame = geopandas.GeoDataFrame({column: list(codes)}, geometry=moved, crs=25832)
    pyogrio.write_dataframe(frame, path)


def write_inputs(folder: Path) -> None:
    products = folder / "products"
    products.mkdir(parents=True)
    write_product(products, BEST, bands(1), scl())
    write_product(products, NEXT, bands(2), scl(cloudy=True))
    write_map(folder / "map.gpkg")
    frame = geopandas.GeoDataFrame({"ags": ["01001", "01002"]}, geometry=list(HALVES), crs=25832)
    pyogrio.write_dataframe(frame, folder / "districts.gpkg")
    (folder / "districts.csv").write_text(DISTRICTS)
    (folder / "build.toml").write_text(CONFIG)


Snapshot = Mapping[str, tuple[bytes, int]]


@dataclass(frozen=True)
class SmallBuild:
    """A folder with inputs, a configuration, and the workspace ``work``."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "build.toml"

    @property
    def products(self) -> Path:
        return self.folder / "products"

    @property
    def best(self) -> Path:
        return self.products / BEST.name

    @property
    def workspace(self) -> Path:
        return self.folder / "work"

    @property
    def dataset(self) -> Path:
        return self.workspace / "dataset"

    def run(self, *args: object) -> Run:
        return command_line().run("run", self.config, "--workers", 1, *args, cwd=self.folder)

    def edit_config(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))

    def band(self, pattern: str) -> Path:
        (file,) = self.best.rglob(pattern)
        return file

    def edit(self, pattern: str, old: str, new: str) -> None:
        """Change an XML file of the best product, and take away the manifest that would tell."""
        file = self.band(pattern)
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        (self.best / "manifest.safe").unlink(missing_ok=True)

    def snapshot(self) -> Snapshot:
        """Bytes and times of all files of the dataset."""
        return {
            file.relative_to(self.dataset).as_posix(): (file.read_bytes(), file.stat().st_mtime_ns)
            for file in sorted(self.dataset.rglob("*"))
            if file.is_file()
        }

    def restore_inputs(self, base: "SmallBuild") -> None:
        """Mend all inputs; the workspace stays."""
        for path in self.folder.iterdir():
            if path != self.workspace:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(base.folder, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("work"))

    def patches_of(self, product: SyntheticProduct) -> int:
        meta = (self.dataset / "meta.csv").read_text()
        return meta.count(f"/{TILE}_{product.start:%Y%m%dT%H%M%S}_")


def assert_one_line(run: Run, code: int, *words: object) -> None:
    """Check that a command failed with one line on stderr that says some words."""
    assert "Traceback" not in run.stderr, run.stderr
    assert run.code == code, run.stderr
    assert run.stdout == ""
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    assert run.stderr.endswith("\n")
    for word in words:
        assert str(word) in run.stderr


def assert_nothing_half_written(build: SmallBuild) -> None:
    """Check that a first run left no part of a dataset, but at most the note whose folder it is."""
    left = [path.relative_to(build.dataset).as_posix() for path in build.dataset.rglob("*")]
    assert [name for name in left if name != ".seasonet-build.json"] == []
    assert_nothing_temporary(build)


def assert_nothing_temporary(build: SmallBuild) -> None:
    names = [path.name for path in build.folder.rglob("*")]
    assert not [name for name in names if name.endswith((".part", ".partial")) or name == ".staging"]


def assert_whole_dataset(build: SmallBuild) -> None:
    assert {path.name for path in build.dataset.iterdir()} >= {
        *("spring", "summer", "fall", "winter", "snow", "splits", "meta.csv"),
    }
    assert len((build.dataset / "meta.csv").read_text().splitlines()) == 1 + N_PATCHES
    patches = [path for path in build.dataset.glob("*/grid?/*") if path.is_dir()]
    assert len(patches) == N_PATCHES
    assert all(len(list(patch.iterdir())) == 5 for patch in patches)
    assert_nothing_temporary(build)


def report_of(run: Run) -> dict[str, object]:
    found: dict[str, object] = json.loads(run.stdout)
    return found
