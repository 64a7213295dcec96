"""Synthetic datasets in the published form, and their record, written without the code that writes real ones."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.raster.geotiff import Compression, ImageKind, encoder

HEADER = (
    "Index,Season,Grid,Latitude,Longitude,Satellite,Year,Month,Day,Hour,Minute,Second,"
    "Clouds,Snow,Classes,SLRAUM,RTYP3,KTYP4,Path"
)
SEASONS = ("spring", "summer", "fall", "winter", "snow")
STARTS = dict(zip(SEASONS, ("20180418", "20180705", "20181012", "20190120", "20190203"), strict=True))
TILE, EPSG, ULX, ULY = "32UNA", 32632, 499_980, 5_600_040
"""A tile and its corner, as published."""

IMAGES = {
    "10m_RGB": (("B04", "B03", "B02"), 10),
    "10m_IR": (("B08",), 10),
    "20m": (("B05", "B06", "B07", "B8A", "B11", "B12"), 20),
    "60m": (("B01", "B09"), 60),
}
MASKS = ("mask_easy", "mask_medium", "clouds", "snow")
SUFFIXES = (*IMAGES, "labels")
ZSTD = Compression("zstd", 1, 1)


@dataclass(frozen=True)
class Patch:
    """A sample: season set, grid, row and column of its cell; for wrong ones, how far east of it, and the day."""

    season: str
    grid: int
    row: int
    col: int
    east: int = 0
    day: str = ""

    @property
    def corner(self) -> tuple[int, int]:
        shift = 600 * (self.grid - 1)
        return ULX + shift + 1200 * self.col + self.east, ULY - shift - 1200 * self.row

    @property
    def date(self) -> str:
        return self.day or STARTS[self.season]

    @property
    def point(self) -> tuple[str, str]:
        """Latitude and longitude of the centre of pixel (60, 60)."""
        return _point(*self.corner)

    @property
    def name(self) -> str:
        latitude, longitude = self.point
        return f"{TILE}_{self.date}T104021_{latitude}_{longitude}".replace(".", "_")

    @property
    def path(self) -> str:
        return f"{self.season}/grid{self.grid}/{self.name}"

    @property
    def labels(self) -> list[int]:
        """The labels of the location, with all of which its pixels are filled."""
        return sorted({1 + (self.row + self.col) % 33, 1 + (3 * self.col + self.grid) % 33})

    def files(self, suffixes: Iterable[str] = SUFFIXES) -> list[str]:
        return [f"{self.path}/{self.name}_{suffix}.tif" for suffix in suffixes]


def patches(side: int, seasons: Sequence[str] = SEASONS[:4]) -> list[Patch]:
    """All cells of a square of both grids, in each season set, in the order of meta.csv."""
    cells = [(row, col) for row in range(20, 20 + side) for col in range(30, 30 + side)]
    return [Patch(season, grid, *cell) for season in seasons for grid in (1, 2) for cell in cells]


def write_dataset(
    root: Path, members: Sequence[Patch], *, masks: bool = False, splits: bool = True, record: bool = True
) -> Path:
    """Write a whole dataset."""
    sums: dict[str, list[tuple[int, bytes, int]]] = {}
    for season in SEASONS:
        for grid in (1, 2):
            (root / season / f"grid{grid}").mkdir(parents=True)
    (root / "splits").mkdir()
    (root / ".seasonet-build.json").write_text('{"dataset": "test"}\n')
    for patch in members:
        (root / patch.path).mkdir()
    for suffix in (*SUFFIXES, *(MASKS if masks else ())):
        sums[suffix] = _write_files(root, members, suffix)
    write_tables(root, members)
    if splits:
        write_splits(root, members)
    if record:
        write_checksums(root, [patch.path for patch in members], sums)
        write_sums(root)
    return root


def pixels_of(patch: Patch, suffix: str) -> NDArray[Any]:
    """The pixels of a file, shape (height, width, bands): they compress well, and no two files have the same."""
    number = (SEASONS.index(patch.season) * 2 + patch.grid) * 10_000 + patch.row * 100 + patch.col
    if suffix in IMAGES:
        bands, resolution = IMAGES[suffix]
        side = 1200 // resolution
        image = _texture(side, len(bands)) + np.uint16(number % 997)
        image.ravel()[:3] = (1 + number % 50_000, 1 + number // 50_000, 1 + resolution)
        return image
    image = np.zeros((120, 120, 1), dtype=np.uint8)
    if suffix == "labels":
        image[:] = patch.labels[0]
        image[patch.row % 60 : 60 + patch.col % 60, ::3] = patch.labels[-1]
        image[-1, : number % 119, 0] = 0
    else:
        image[: 1 + number % 110, : 1 + MASKS.index(suffix)] = 1
    return image


def _write_files(root: Path, members: Sequence[Patch], suffix: str) -> list[tuple[int, bytes, int]]:
    bands, resolution = IMAGES.get(suffix, ((suffix,), 10))
    dtype = "uint16" if suffix in IMAGES else "uint8"
    writer = encoder(ImageKind(EPSG, resolution, 1200 // resolution, dtype, tuple(bands)), ZSTD)
    sums = []
    for patch in members:
        pixels = pixels_of(patch, suffix)
        content = writer.encode(pixels[np.newaxis], [patch.corner])[0]
        (root / patch.path / f"{patch.name}_{suffix}.tif").write_bytes(content)
        sums.append((len(content), hashlib.sha256(content).digest(), zlib.crc32(pixels.tobytes())))
    return sums


def write_tables(root: Path, members: Sequence[Patch]) -> None:
    """Write meta.csv and meta.parquet."""
    lines = [HEADER]
    for index, patch in enumerate(members):
        latitude, longitude = patch.point
        day = patch.date
        start = f"A,{day[:4]},{day[4:6]},{day[6:]},10,40,21"
        labels = ",".join(map(str, patch.labels))
        rest = f'0.0,{12.5 if patch.season == "snow" else 0.0},"{labels}",1,2,3,{patch.path}'
        lines.append(f"{index},{patch.season.capitalize()},{patch.grid},{latitude},{longitude},{start},{rest}")
    (root / "meta.csv").write_text("".join(f"{line}\n" for line in lines))
    table = {"Index": list(range(len(members))), "Path": pa.array([p.path for p in members], pa.string())}
    pq.write_table(pa.table(table), root / "meta.parquet")


def write_splits(root: Path, members: Sequence[Patch]) -> None:
    """Deal locations to sets by their cells."""
    sides = np.array([(7 * p.row + 3 * p.col + p.grid) % 10 for p in members])
    chosen = {"train": sides < 7, "val": sides == 7, "test": sides > 7}
    for name, flags in chosen.items():
        rows = np.flatnonzero(flags)
        (root / "splits" / f"{name}.csv").write_text("".join(f"{row}\n" for row in rows))
        folder = root / "splits" / "subsets" / "grid1"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.csv").write_text("".join(f"{row}\n" for row in rows if members[int(row)].grid == 1))
    report = {"method": "test", "meta_csv_sha256": hashlib.sha256((root / "meta.csv").read_bytes()).hexdigest()}
    (root / "splits" / "report.json").write_text(json.dumps(report))
    (root / "splits" / "classes.png").write_bytes(b"\x89PNG" + bytes(range(200)))
    pq.write_table(pa.table({"key": sides, "side": sides % 3}), root / "splits" / "sides.parquet")


def write_checksums(root: Path, paths: Sequence[str], sums: dict[str, list[tuple[int, bytes, int]]]) -> None:
    """Write checksums.parquet: size, SHA-256 and CRC-32 of the pixels of each file."""
    columns: dict[str, pa.Array] = {"path": pa.array(paths, pa.string())}
    for suffix, own in sums.items():
        sizes, digests, crcs = zip(*own, strict=True) if own else ((), (), ())
        columns[f"{suffix}_bytes"] = pa.array(sizes, pa.int32())
        columns[f"{suffix}_sha256"] = pa.array(digests, pa.binary(32))
        columns[f"{suffix}_crc32"] = pa.array(crcs, pa.uint32())
    schema = pa.schema([pa.field(name, column.type, nullable=False) for name, column in columns.items()])
    pq.write_table(pa.table(list(columns.values()), schema=schema), root / "checksums.parquet")


def write_sums(root: Path) -> None:
    """Write SHA256SUMS over what else is there."""
    tables = [root / name for name in ("meta.csv", "meta.parquet", "checksums.parquet")]
    files = [path for path in (*tables, *(root / "splits").rglob("*")) if path.is_file()]
    digests = sorted((p.relative_to(root).as_posix(), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files)
    text = "".join(f"{digest}  {path}\n" for path, digest in digests)
    own = hashlib.sha256(text.encode()).hexdigest()
    (root / "SHA256SUMS").write_text(f"{text}# sha256 of the lines above: {own}\n")


@cache
def _texture(side: int, bands: int) -> NDArray[np.uint16]:
    coarse = np.random.default_rng(side + bands).integers(200, 3000, (10, 10, bands)).astype(np.uint16)
    return coarse.repeat(side // 10, axis=0).repeat(side // 10, axis=1)


@cache
def _point(x: int, y: int) -> tuple[str, str]:
    longitude, latitude = _to_degrees().transform(x + 605, y - 605)
    return f"{latitude:.6f}", f"{longitude:.6f}"


@cache
def _to_degrees() -> Transformer:
    return Transformer.from_crs(EPSG, 4326, always_xy=True)
