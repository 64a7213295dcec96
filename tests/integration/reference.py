"""A second, naive way to SeasoNet's numbers, to hold the program's results against.

Nothing here uses the package: files are read with rasterio and pyogrio and counted with numpy, whole bands at a time.
The rules are those of the dataset's description; each function states its own. All tiles are in UTM zone 32.
"""

import csv
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.windows import Window

FILES = {
    "10m_RGB": (10, ["B04", "B03", "B02"]),
    "10m_IR": (10, ["B08"]),
    "20m": (20, ["B05", "B06", "B07", "B8A", "B11", "B12"]),
    "60m": (60, ["B01", "B09"]),
}
"""Suffix of a patch's image files -> pixel size in metres, bands in order."""

CODES = [
    *("111", "112", "121", "122", "123", "124", "131", "132", "133", "141", "142"),
    *("211", "221", "222", "231"),
    *("311", "312", "313", "321", "322", "324", "331", "332", "333"),
    *("411", "412", "421", "423"),
    *("511", "512", "521", "522", "523"),
]
"""The CORINE code of label 1, 2, ... 33."""

OTHER = 255
"""Stands for a class of the map that is not among the 33."""

EPSG = 32632
Bounds = tuple[int, int, int, int]
"""West, south, east, north in metres."""

_XML_BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]
_PRODUCT = re.compile(r"S2[AB]_MSIL2A_(?P<start>\w{15})_N(?P<baseline>\d{4})_R\d{3}_T(?P<tile>\w{5})_\w{15}")
_GRANULE = re.compile(r"GRANULE/L2A_T\w{5}_A\d{6}_(?P<datastrip>\w{15})/.*")


@dataclass(frozen=True)
class ReferenceTile:
    """A Sentinel-2 tile: a square from its upper-left corner, and the south-west corner of its own 100 km square."""

    name: str
    epsg: int
    ulx: int
    uly: int
    size: int = 109_800
    square: tuple[int, int] = (0, 0)

    @property
    def bounds(self) -> Bounds:
        return self.ulx, self.uly - self.size, self.ulx + self.size, self.uly


def reference_tiles(kit: Path) -> dict[str, ReferenceTile]:
    """The tiles of Germany as the kit lists them; the 100 km square is stated for the kit's own two."""
    squares = {"32ULA": (300_000, 5_500_000), "32ULV": (300_000, 5_400_000)}
    with (kit / "s2_tiles_germany.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        r["tile"]: ReferenceTile(
            r["tile"], int(r["epsg"]), int(r["ulx"]), int(r["uly"]), square=squares.get(r["tile"], (0, 0))
        )
        for r in rows
    }


@dataclass(frozen=True)
class World:
    """What a dataset was built from: a folder with ``products`` and ``landcover``, its tiles, where there are data."""

    inputs: Path
    tiles: tuple[ReferenceTile, ...]
    data: Bounds

    def bounds(self, tile: ReferenceTile) -> Bounds:
        """The part of a tile that has data."""
        west, south, east, north = tile.bounds
        return max(west, self.data[0]), max(south, self.data[1]), min(east, self.data[2]), min(north, self.data[3])

    @cached_property
    def scenes(self) -> list["ReferenceScene"]:
        return reference_scenes(self.inputs / "products")

    @cached_property
    def land_cover(self) -> "ReferenceLandCover":
        return reference_land_cover(self.inputs / "landcover")

    @cached_property
    def labels(self) -> dict[str, NDArray[np.uint8]]:
        """For each tile the labels where there are data, 10 m pixels."""
        return {tile.name: reference_label_raster(self.land_cover, self.bounds(tile)) for tile in self.tiles}


def kit_world(kit: Path) -> World:
    """The kit's products have data in one square of 10.68 km across the border of two tiles."""
    tiles = reference_tiles(kit)
    return World(kit, (tiles["32ULA"], tiles["32ULV"]), (348_000, 5_493_960, 358_680, 5_504_640))


def demo_world(inputs: Path) -> World:
    """The demonstration's two tiles of 7.8 km overlap each other, and the border of their squares."""
    west = ReferenceTile("32UNA", EPSG, 594_000, 5_560_020, size=7800, square=(500_000, 5_500_000))
    east = ReferenceTile("32UPA", EPSG, 598_980, 5_560_020, size=7800, square=(600_000, 5_500_000))
    return World(inputs, (west, east), (594_000, 5_552_220, 606_780, 5_560_020))


def reference_cells(tile: ReferenceTile) -> pd.DataFrame:
    """Every cell of both grids: place (upper-left corner x, y), coordinate texts.

    Cells of 1200 m from the tile's corner, 91 x 91 in a tile of full size; grid 2 starts 600 m further east and south.
    The coordinates are those of the centre of the 10 m pixel (60, 60).
    """
    parts = []
    for grid in (1, 2):
        shift = 600 * (grid - 1)
        n = (tile.size - shift) // 1200
        row, col = (axis.ravel() for axis in np.mgrid[:n, :n])
        x, y = tile.ulx + shift + 1200 * col, tile.uly - shift - 1200 * row
        parts.append(pd.DataFrame({"tile": tile.name, "grid": grid, "row": row, "col": col, "x": x, "y": y}))
    cells = pd.concat(parts, ignore_index=True)
    to_degrees = Transformer.from_crs(tile.epsg, 4326, always_xy=True)
    lon, lat = to_degrees.transform(cells["x"].to_numpy() + 605, cells["y"].to_numpy() - 605)
    return cells.assign(lat=[f"{v:.6f}" for v in lat], lon=[f"{v:.6f}" for v in lon])


def own_cells(tile: ReferenceTile) -> pd.DataFrame:
    """The cells whose centre lies in the 100 km square that the tile is named after."""
    cells, (west, south) = reference_cells(tile), tile.square
    x, y = cells["x"] + 600, cells["y"] - 600
    return cells[(x >= west) & (x < west + 100_000) & (y > south) & (y <= south + 100_000)]


def window(bounds: Bounds, x: Any, y: Any, resolution: int) -> tuple[slice, slice] | None:
    """Rows and columns of the patch with upper-left corner x, y in an image with these bounds, if it is in there."""
    west, south, east, north = bounds
    if x < west or x + 1200 > east or y > north or y - 1200 < south:
        return None
    top, left, side = (north - y) // resolution, (x - west) // resolution, 1200 // resolution
    return slice(top, top + side), slice(left, left + side)


def reference_name(tile: Any, start: Any, lat: Any, lon: Any) -> str:
    return f"{tile}_{start}_{lat}_{lon}".replace(".", "_")


def reference_outlines(x: Any, y: Any, epsg: int, target_epsg: int) -> NDArray[Any]:
    """Squares of 1200 m, given by their upper-left corners, as polygons in another coordinate system."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    corner_x, corner_y = np.stack([x, x + 1200, x + 1200, x], axis=1), np.stack([y, y, y - 1200, y - 1200], axis=1)
    moved = Transformer.from_crs(epsg, target_epsg, always_xy=True).transform(corner_x, corner_y)
    return np.asarray(shapely.polygons(np.stack(moved, axis=-1)))


def reference_overlaps(polygons: NDArray[Any], tolerance: float = 1.0) -> list[tuple[int, int, float]]:
    """Pairs of squares of about 1200 m that share more than ``tolerance`` square metres, with what they share.

    Neighbours touch along their whole edge. To tell them from true overlaps without measuring a million pairs, all
    squares are first drawn in by 0.4 mm on each side: a strip of 0.8 mm x 1200 m is less than 1 m2.
    """
    shrunk = shapely.transform(polygons, _towards_centre(polygons, 1 - 0.0004 / 600))
    one, other = shapely.STRtree(shrunk).query(shrunk, predicate="intersects")
    one, other = one[one < other], other[one < other]
    shared = shapely.area(shapely.intersection(polygons[one], polygons[other]))
    large = shared > tolerance
    return list(zip(one[large].tolist(), other[large].tolist(), shared[large].tolist(), strict=True))


def _towards_centre(polygons: NDArray[Any], factor: float) -> Any:
    centres = shapely.get_coordinates(shapely.centroid(polygons))
    per_point = np.repeat(centres, shapely.get_num_coordinates(polygons), axis=0)
    return lambda points: per_point + factor * (points - per_point)


@dataclass(frozen=True)
class ReferenceProduct:
    """A ``.SAFE`` folder, or an archive of one, read straight from its files."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def parts(self) -> dict[str, str]:
        """Start, baseline and tile in the product's name, and the start of the datastrip in the granule's name."""
        match = _PRODUCT.fullmatch(self.name)
        granule = next(filter(None, map(_GRANULE.fullmatch, self.members)))
        assert match is not None, self.path
        return {**match.groupdict(), **granule.groupdict()}

    @cached_property
    def members(self) -> list[str]:
        if self.path.is_dir():
            return [path.relative_to(self.path).as_posix() for path in self.path.rglob("*")]
        with zipfile.ZipFile(self.path) as archive:
            return [name.partition("/")[2] for name in archive.namelist()]

    @cached_property
    def offsets(self) -> dict[str, int]:
        """BOA_ADD_OFFSET of each band, 0 where the metadata state none."""
        if self.path.is_dir():
            text = (self.path / "MTD_MSIL2A.xml").read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(self.path) as archive:
                text = archive.read(f"{self.name}.SAFE/MTD_MSIL2A.xml").decode()
        stated = re.findall(r'<BOA_ADD_OFFSET band_id="(\d+)">\s*(-?\d+)\s*</BOA_ADD_OFFSET>', text)
        return dict.fromkeys(_XML_BANDS, 0) | {_XML_BANDS[int(number)]: int(value) for number, value in stated}

    def raster(self, band: str, resolution: int) -> str:
        (member,) = [name for name in self.members if name.endswith(f"_{band}_{resolution}m.jp2")]
        return f"{self.path}/{member}" if self.path.is_dir() else f"/vsizip/{self.path}/{self.name}.SAFE/{member}"

    def harmonised(self, band: str, resolution: int, bounds: Bounds) -> NDArray[np.int64]:
        """The pixels of a band within bounds: 0 stays 0, every other DN becomes max(1, DN + offset)."""
        west, south, east, north = bounds
        with rasterio.open(self.raster(band, resolution)) as raster:
            left, top = (west - raster.bounds.left) / resolution, (raster.bounds.top - north) / resolution
            assert left == int(left) >= 0
            assert top == int(top) >= 0
            part = Window(int(left), int(top), (east - west) // resolution, (north - south) // resolution)
            numbers = raster.read(1, window=part).astype(np.int64)
        return np.where(numbers == 0, 0, np.maximum(1, numbers + self.offsets[band]))

    def classification(self) -> NDArray[np.uint8]:
        """The whole scene classification at 20 m."""
        with rasterio.open(self.raster("SCL", 20)) as raster:
            codes: NDArray[np.uint8] = raster.read(1)
        return codes


@dataclass(frozen=True)
class ReferenceScene:
    """One datatake over one tile: a product, or several that fill each other's gaps."""

    tile: str
    start: str
    products: tuple[ReferenceProduct, ...]

    @property
    def name(self) -> str:
        return self.products[0].name

    def harmonised(self, band: str, resolution: int, bounds: Bounds) -> NDArray[np.int64]:
        return _filled([product.harmonised(band, resolution, bounds) for product in self.products])

    def classification(self) -> NDArray[np.uint8]:
        return _filled([product.classification() for product in self.products])


def _filled(layers: list[NDArray[Any]]) -> NDArray[Any]:
    """The first layer, its zeros taken from the next ones."""
    result = layers[0]
    for layer in layers[1:]:
        result = np.where(result == 0, layer, result)
    return result


def reference_scenes(folder: Path) -> list[ReferenceScene]:
    """Of products of one datastrip the one of the highest baseline; datastrips of one datatake belong together."""
    best: dict[tuple[str, str], dict[str, ReferenceProduct]] = {}
    for path in sorted([*folder.glob("*.SAFE"), *folder.glob("*.zip")]):
        product = ReferenceProduct(path)
        parts = product.parts
        strips = best.setdefault((parts["tile"], parts["start"]), {})
        rival = strips.get(parts["datastrip"])
        if rival is None or parts["baseline"] > rival.parts["baseline"]:
            strips[parts["datastrip"]] = product
    return [ReferenceScene(tile, start, tuple(strips.values())) for (tile, start), strips in best.items()]


@dataclass(frozen=True)
class ReferenceLandCover:
    """The polygons of a land-cover map in the tiles' coordinate system, and the label of each."""

    polygons: NDArray[Any]
    labels: NDArray[np.uint8]

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """West, south, east, north of each polygon."""
        bounds: NDArray[np.float64] = shapely.bounds(self.polygons).T
        return bounds

    def at(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The label at some points: that of the polygon the point lies in, 0 outside the map."""
        found = np.zeros(len(x), dtype=np.uint8)
        west, south, east, north = self.bounds
        near = (west <= x.max()) & (east >= x.min()) & (south <= y.max()) & (north >= y.min())
        order = np.argsort(x)
        sorted_x = x[order]
        for i in np.flatnonzero(near):
            # Only points between the polygon's west and east end need a look.
            slab = order[np.searchsorted(sorted_x, west[i]) : np.searchsorted(sorted_x, east[i], side="right")]
            slab = slab[(y[slab] >= south[i]) & (y[slab] <= north[i])]
            shapely.prepare(self.polygons[i])
            found[slab[shapely.contains_xy(self.polygons[i], x[slab], y[slab])]] = self.labels[i]
        return found

    def distance_to_edges(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far points are from the nearest edge of any polygon, metres."""
        edges = shapely.STRtree(shapely.boundary(self.polygons))
        distance: NDArray[np.float64] = edges.query_nearest(
            shapely.points(x, y), return_distance=True, all_matches=False
        )[1]
        return distance


def reference_land_cover(folder: Path) -> ReferenceLandCover:
    """Read the five shapefiles; classes that are not among the 33 become OTHER."""
    frames = [pyogrio.read_dataframe(path) for path in sorted(folder.rglob("*.shp"))]
    assert len(frames) == 5
    assert all(frame.crs.to_epsg() == 25832 for frame in frames)
    codes = np.concatenate([frame["CLC18"].to_numpy() for frame in frames])
    polygons = np.concatenate([frame.geometry.to_numpy() for frame in frames])
    labels = [CODES.index(code) + 1 if code in CODES else OTHER for code in codes]
    return ReferenceLandCover(_moved(polygons, 25832, EPSG), np.array(labels, dtype=np.uint8))


def _moved(geometries: NDArray[Any], epsg: int, target_epsg: int) -> NDArray[Any]:
    transformer = Transformer.from_crs(epsg, target_epsg, always_xy=True)
    moved: NDArray[Any] = shapely.transform(
        geometries, lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
    )
    return moved


def reference_label_raster(land_cover: ReferenceLandCover, bounds: Bounds) -> NDArray[np.uint8]:
    """The labels at 10 m: each pixel by its centre."""
    west, south, east, north = bounds
    x, y = np.meshgrid(np.arange(west + 5, east, 10.0), np.arange(north - 5, south, -10.0))
    return land_cover.at(x.ravel(), y.ravel()).reshape(x.shape)


def reference_region_types(kit: Path, x: NDArray[np.float64], y: NDArray[np.float64]) -> pd.DataFrame:
    """SLRAUM, RTYP3 and KTYP4 of points in EPSG:32632: those of the district that the point lies in.

    A point outside all districts takes the nearest one within 10 km; beyond that the types are missing.
    """
    districts = pyogrio.read_dataframe(kit / "regions" / "vg_krs.gpkg")
    with (kit / "regions" / "bbsr_krs_2017.csv").open(encoding="utf-8", newline="") as file:
        table = {row["ags"]: row for row in csv.DictReader(file)}
    polygons = _moved(districts.geometry.to_numpy(), districts.crs.to_epsg(), EPSG)
    own = np.full(len(x), -1)
    for i, polygon in enumerate(polygons):
        shapely.prepare(polygon)
        own[shapely.contains_xy(polygon, x, y)] = i
    outside = np.flatnonzero(own < 0)
    if len(outside):
        distances = shapely.distance(shapely.points(x[outside, None], y[outside, None]), polygons[None, :])
        nearest = distances.argmin(axis=1)
        own[outside] = np.where(distances.min(axis=1) <= 10_000, nearest, -1)
    keys = districts["ags"].to_numpy()
    rows: Sequence[dict[str, str] | None] = [table[keys[i]] if i >= 0 else None for i in own]
    columns = {"SLRAUM": "slraum", "RTYP3": "rtyp3", "KTYP4": "ktyp4"}
    return pd.DataFrame({name: [row[c] if row else "" for row in rows] for name, c in columns.items()})


def reference_screen(scene: ReferenceScene, bounds: Bounds, cells: pd.DataFrame) -> pd.DataFrame:
    """What the screen of the snowy set measures in cells (columns x, y): ``bright``, a share, and ``vapour``.

    Bright: pixels of 20 m of which B02, B03, B04 reflect more than 0.25 on average, and B11 more than 0.20. Vapour: the
    75th percentile of B09 over B8A, pixels of 60 m.
    """
    bands = {band: scene.harmonised(band, 10, bounds) / 10_000 for band in ("B02", "B03", "B04")}
    bands |= {band: scene.harmonised(band, 20, bounds) / 10_000 for band in ("B8A", "B11")}
    vapour, found = scene.harmonised("B09", 60, bounds) / 10_000, []
    for x, y in zip(cells["x"], cells["y"], strict=True):
        fine, middle, coarse = (window(bounds, x, y, resolution) for resolution in (10, 20, 60))
        assert fine is not None
        assert middle is not None
        assert coarse is not None
        visible = np.mean(
            [bands[band][fine].reshape(60, 2, 60, 2).mean(axis=(1, 3)) for band in ("B02", "B03", "B04")], axis=0
        )
        bright = (visible > 0.25 + 1e-9) & (bands["B11"][middle] > 0.20 + 1e-9)
        narrow = bands["B8A"][middle].reshape(20, 3, 20, 3).mean(axis=(1, 3))
        found.append((bright.mean(), np.percentile(vapour[coarse] / narrow, 75)))
    return pd.DataFrame(found, columns=["bright", "vapour"], index=cells.index)
