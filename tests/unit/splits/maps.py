"""Small made-up maps: patches of both grids on the lattices of one or more tiles, and their tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from hypothesis import strategies as st
from pyproj import Transformer

from seasonet_build.config.split import SplitSection
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.model.tiles import nominal_tile
from seasonet_build.splits.dataset import Sampled, read_samples

SEASONS = ("Spring", "Summer", "Fall", "Winter", "Snow")

ONE_TILE = {"32UNA": (9.7, 50.1)}
TWO_TILES = {"32UNA": (10.45, 50.1), "32UPA": (10.45, 50.1)}
TWO_ZONES = {"31UGR": (6.3, 50.47), "32ULB": (6.3, 50.47)}
THREE_TILES = {**TWO_ZONES, "32ULA": (6.3, 50.45)}
"""Tiles, and the longitude and latitude that patches lie around."""


@dataclass(frozen=True)
class Spot:
    """A location: its patch, the labels and pixels of its classes, its season sets."""

    tile: str
    grid: int
    x: int
    y: int
    pixels: Mapping[int, int]
    seasons: tuple[str, ...]

    @property
    def epsg(self) -> int:
        return 32600 + int(self.tile[:2])

    @cached_property
    def point(self) -> tuple[str, str]:
        """Latitude and longitude as meta.csv has them."""
        longitude, latitude = transformer(self.epsg, 4326).transform(self.x + 605, self.y - 605)
        return f"{latitude:.6f}", f"{longitude:.6f}"

    @cached_property
    def outline(self) -> shapely.Polygon:
        """The patch in EPSG:3035."""
        corners = [(self.x + dx, self.y + dy) for dx, dy in ((0, 0), (1200, 0), (1200, -1200), (0, -1200))]
        return shapely.Polygon([transformer(self.epsg, 3035).transform(*corner) for corner in corners])


_transformers: dict[tuple[int, int], Transformer] = {}


def transformer(source: int, target: int) -> Transformer:
    if (source, target) not in _transformers:
        _transformers[source, target] = Transformer.from_crs(source, target, always_xy=True)
    return _transformers[source, target]


def make_spots(
    tiles: Mapping[str, tuple[float, float]], seed: int = 0, reach: int = 3, density: float = 1.0, n_classes: int = 6
) -> list[Spot]:
    """Patches of both grids within some cells of a point, in no order; some classes are likelier than others."""
    random = np.random.default_rng(seed)
    spots = []
    for name, (longitude, latitude) in tiles.items():
        tile = nominal_tile(name)
        x, y = transformer(4326, tile.epsg).transform(longitude, latitude)
        column, row = int(x - tile.ulx) // 1200, int(tile.uly - y) // 1200
        for grid in (1, 2):
            for i in range(row - reach, row + reach):
                for j in range(column - reach, column + reach):
                    if random.random() < density:
                        shift = 600 * (grid - 1)
                        corner = (tile.ulx + 1200 * j + shift, tile.uly - 1200 * i - shift)
                        spots.append(Spot(name, grid, *corner, _pixels(random, n_classes), _seasons(random)))
    return [spots[i] for i in random.permutation(len(spots))]


def _pixels(random: np.random.Generator, n_classes: int) -> dict[int, int]:
    likely = 1 / np.arange(1, n_classes + 1) ** 1.5
    labels = random.choice(n_classes, size=random.integers(1, 4), replace=False, p=likely / likely.sum()) + 1
    cuts = np.sort(random.integers(1, 14_399, size=len(labels) - 1))
    return {int(k): int(n) for k, n in zip(labels, np.diff([0, *cuts, 14_400]), strict=True) if n}


def _seasons(random: np.random.Generator) -> tuple[str, ...]:
    present = [s for s, share in zip(SEASONS, (0.9, 0.9, 0.95, 0.4, 0.2), strict=True) if random.random() < share]
    return tuple(present) or ("Fall",)


maps = st.builds(
    make_spots,
    tiles=st.sampled_from([ONE_TILE, TWO_TILES, TWO_ZONES, THREE_TILES]),
    seed=st.integers(0, 10**6),
    density=st.floats(0.6, 1),
    reach=st.integers(2, 3),
)


def table_rows(spots: Sequence[Spot], shuffle: int | None = None) -> tuple[pd.DataFrame, list[Spot]]:
    """The rows of meta.csv, and the spot of each."""
    samples = [(spot, season) for spot in spots for season in spot.seasons]
    if shuffle is not None:
        samples = [samples[i] for i in np.random.default_rng(shuffle).permutation(len(samples))]
    rows = [{"Index": i, **row_of(spot, season)} for i, (spot, season) in enumerate(samples)]
    columns = ["Index", "Season", "Grid", "Latitude", "Longitude", "Classes", "SLRAUM", "RTYP3", "KTYP4", "Path"]
    return pd.DataFrame(rows, columns=columns), [spot for spot, _ in samples]


def row_of(spot: Spot, season: str) -> dict[str, Any]:
    latitude, longitude = spot.point
    name = f"{spot.tile}_20180418T104021_{latitude}_{longitude}".replace(".", "_")
    return {
        "Season": season,
        "Grid": spot.grid,
        "Latitude": latitude,
        "Longitude": longitude,
        "Classes": ",".join(str(label) for label in sorted(spot.pixels)),
        "SLRAUM": 1 + spot.x // 1200 % 2,
        "RTYP3": 1 + spot.y // 1200 % 3,
        "KTYP4": "" if spot.x % 7200 == 0 else 4,
        "Path": f"{season.lower()}/grid{spot.grid}/{name}",
    }


def write_dataset(
    folder: Path, spots: Sequence[Spot], shuffle: int | None = None, parquet: bool = True
) -> DatasetLayout:
    """Write the tables of a dataset."""
    layout = DatasetLayout(folder)
    folder.mkdir(parents=True, exist_ok=True)
    frame, of_row = table_rows(spots, shuffle)
    frame.to_csv(layout.meta_csv, index=False)
    if parquet:
        shares = [[spot.pixels.get(label, 0) / 14_400 for label in range(1, 34)] for spot in of_row]
        big = [sorted(label for label, n in spot.pixels.items() if n > 3000) for spot in of_row]
        lists = {"class_shares": pa.array(shares, pa.list_(pa.float64()))}
        lists |= {name: pa.array(big, pa.list_(pa.int64())) for name in ("classes_medium", "classes_easy")}
        pq.write_table(pa.table(lists), layout.meta_parquet)
    return layout


def read_map(folder: Path, spots: Sequence[Spot], balance: Sequence[str] = ()) -> Sampled:
    return read_samples(write_dataset(folder, spots), balance)


def sampled_order(spots: Sequence[Spot]) -> list[Spot]:
    """The spots in the order in which the program has locations."""
    return sorted(spots, key=lambda spot: (spot.grid, *map(float, spot.point)))


def overlaps(spots: Sequence[Spot]) -> Any:
    """Whether each patch overlaps each, shape (n, n), by polygons."""
    return _related(spots, lambda one, other: shapely.area(shapely.intersection(one, other)) > 1)


def near(spots: Sequence[Spot]) -> Any:
    """Whether each patch overlaps or touches each, shape (n, n), by polygons."""
    return _related(spots, lambda one, other: shapely.distance(one, other) < 0.5)


def _related(spots: Sequence[Spot], said: Callable[[Any, Any], Any]) -> Any:
    outlines = np.array([spot.outline for spot in spots], dtype=object)
    one, other = shapely.STRtree(shapely.buffer(outlines, 10)).query(outlines)
    related = np.zeros((len(spots), len(spots)), dtype=bool)
    related[one, other] = said(outlines[one], outlines[other])
    return related


def options(**changes: Any) -> SplitSection:
    return SplitSection.model_validate(changes)
