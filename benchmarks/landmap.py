"""A made-up land-cover map of a whole tile in the layout of BKG's delivery.

Cells of a disturbed grid whose shared edges are crooked on every scale: without gaps and overlaps, with about as many
polygons as CLC5 has on a tile. As on real maps a few polygons are much larger than the others and enclose many of them:
there, most cells are merged. Written as five shapefiles by main class, class in the text column CLC18.
"""

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from seasonet_build.demo.noise import smooth_noise
from seasonet_build.model.classes import CLASSES
from seasonet_build.model.tiles import TILE_SIZE_M, Tile

CRS = "EPSG:25832"
COLS, ROWS = 176, 147
"""Cells across and down a full tile; about 20 000 polygons are left of them."""

EDGE_POINTS = 23
"""Vertices of an edge without its end."""

_MERGED_FROM, _MERGED_SHARE = 0.6, 0.85
"""Where the noise is above the one, the other is the share of cells that become part of large polygons."""

_MERGED_SCALE = 16.0

_JITTER = 0.22
_AMPLITUDE = 0.08
_HARMONICS = 12
_STEEPNESS = 1.3
"""The k-th harmonic of an edge has an amplitude like ``k ** -_STEEPNESS``."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LandMap:
    """What was written: folder, number of polygons, number of vertices without those that close a ring."""

    folder: Path
    polygons: int
    vertices: int


def write_map(folder: Path, tile: Tile, seed: int) -> LandMap:
    """Write the map of a tile; a smaller tile gets polygons of the same size, and fewer.

    Raises:
        RuntimeError: an edge crosses another one, so that the map would not be clean.
    """
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, len(CLASSES) + 1)
    polygons = _polygons(tile, rng)
    if not shapely.is_valid(polygons).all():
        raise RuntimeError("the made-up land-cover map has polygons that are not valid; choose another seed")
    codes = rng.choice(rng.permutation([c.code for c in CLASSES]), len(polygons), p=shares / shares.sum())
    columns = {"CLC18": codes, "Shape_Leng": shapely.length(polygons), "Shape_Area": shapely.area(polygons)}
    frame = geopandas.GeoDataFrame(columns, geometry=polygons, crs=CRS)
    target = folder / "clc5_2018.utm32s.shape" / "clc5"
    target.mkdir(parents=True)
    for main in "12345":
        part = frame[frame["CLC18"].str.startswith(main)]
        if len(part):
            part.to_file(target / f"clc5_class{main}xx.shp", engine="pyogrio", encoding="UTF-8")
    rings = shapely.get_rings(polygons)
    return LandMap(folder, len(polygons), int(shapely.get_num_coordinates(rings).sum()) - len(rings))


def _polygons(tile: Tile, rng: np.random.Generator) -> NDArray[np.object_]:
    """Return the polygons; neighbours share the points of their edges."""
    cols, rows = (max(round(n * tile.size_m / TILE_SIZE_M), 1) for n in (COLS, ROWS))
    west, south, east, north = tile.bounds
    size = np.array([(east - west) / cols, (south - north) / rows])
    steps = np.stack(np.meshgrid(np.arange(cols + 1.0), np.arange(rows + 1.0)), axis=-1)
    moves = rng.uniform(-_JITTER, _JITTER, steps.shape)
    # Corners on the map's border stay on it.
    moves[:, [0, -1], 0] = 0
    moves[[0, -1], :, 1] = 0
    corners = steps + moves
    across = _edges(corners[:, :-1], corners[:, 1:], rng, axis=1)
    down = _edges(corners[:-1], corners[1:], rng, axis=0)
    for border in (across[0], across[-1]):
        border[..., 1] = np.round(border[..., 1])
    for border in (down[:, 0], down[:, -1]):
        border[..., 0] = np.round(border[..., 0])
    # Clockwise from the upper-left corner: top, right, bottom backwards, left backwards, and the corner again.
    sides = (across[:-1], down[:, 1:], across[1:, :, ::-1], down[:, :-1, ::-1])
    rings = np.concatenate([side[:, :, :EDGE_POINTS] for side in sides] + [across[:-1, :, :1]], axis=2)
    points = np.array([west, north]) + rings.reshape(rows * cols, -1, 2) * size
    cells = shapely.polygons(points)
    merged = smooth_noise((rows, cols), rng, _MERGED_SCALE, 2.2).ravel() > _MERGED_FROM
    merged &= rng.random(rows * cols) < _MERGED_SHARE
    large = shapely.get_parts(shapely.coverage_union_all(cells[merged]))
    polygons: NDArray[np.object_] = np.concatenate([cells[~merged], large])
    return polygons


def _edges(starts: Floats, ends: Floats, rng: np.random.Generator, axis: int) -> Floats:
    """Return the points of edges, both ends included, displaced along an axis (0: x, 1: y) by a sum of sines."""
    along = np.linspace(0, 1, EDGE_POINTS + 1)
    points = starts[..., np.newaxis, :] + along[:, np.newaxis] * (ends - starts)[..., np.newaxis, :]
    number = np.arange(1, _HARMONICS + 1)
    strength = _AMPLITUDE * number**-_STEEPNESS * rng.standard_normal((*starts.shape[:-1], _HARMONICS))
    # Little near the corners, where edges come close to each other; nothing at the corners themselves.
    points[..., axis] += (strength @ np.sin(np.pi * number[:, np.newaxis] * along)) * np.sin(np.pi * along)
    points[..., [0, -1], :] = np.stack([starts, ends], axis=-2)
    return points
