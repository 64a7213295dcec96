"""The land-cover map: polygons with a CORINE code, as BKG delivers them or from any vector file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seasonet_build.errors import DataError
from seasonet_build.model.classes import CLC_CODES, raster_code
from seasonet_build.model.tiles import Tile
from seasonet_build.raster.polygons import burn_polygons
from seasonet_build.sources.vector import VectorLayer, find_layers, meets, read_layer, write_flatgeobuf
from seasonet_build.storage import replacing

LABEL_RESOLUTION = 10


@dataclass(frozen=True)
class LandCover:
    """A checked land-cover map: its layers, each with the column that holds the CORINE code."""

    source: Path
    layers: tuple[tuple[VectorLayer, str], ...]


def open_land_cover(source: Path, layers: str, class_column: str, crs: str | None) -> LandCover:
    """Find the layers and columns of a land-cover map; only headers are read.

    Raises:
        DataError: no layer, no such column, or an unknown coordinate system.
    """
    found = find_layers(source, layers, crs)
    return LandCover(source, tuple((layer, layer.column(class_column)) for layer in found))


def indexed_copy(land_cover: LandCover, folder: Path) -> LandCover:
    """Return where :func:`write_indexed_copy` puts the copy of a map."""
    layers = [
        (replace(layer, path=str(folder / f"{i:03d}.fgb"), columns=(column,)), column)
        for i, (layer, column) in enumerate(land_cover.layers)
    ]
    return LandCover(land_cover.source, tuple(layers))


def write_indexed_copy(land_cover: LandCover, folder: Path) -> list[Path]:
    """Copy a map into spatially indexed files, geometry and code only; return them.

    Shapefiles have no index: each tile would read through all of them.

    Raises:
        DataError: the map cannot be read.
    """
    files = []
    for (layer, column), (copy, _) in zip(land_cover.layers, indexed_copy(land_cover, folder).layers, strict=True):
        with replacing(Path(copy.path)) as part:
            write_flatgeobuf(layer, [column], part)
        files.append(Path(copy.path))
    return files


def require_overlap(land_cover: LandCover, tiles: Sequence[Tile]) -> None:
    """Check that the map and the tiles meet at all.

    Raises:
        DataError: they do not.
    """
    if not any(meets(layer, tile.epsg, tile.bounds) for layer, _ in land_cover.layers for tile in tiles):
        names = ", ".join(tile.name for tile in tiles)
        raise DataError(f"{land_cover.source}: the land-cover map does not meet the area (tiles {names})")


def rasterise(land_cover: LandCover, tile: Tile) -> NDArray[np.uint8]:
    """Return the label-raster codes of a tile at 10 m, shape (side, side).

    A pixel takes the class of the polygon that its centre lies in: 1..33, OTHER_CLASS for the CORINE classes that
    SeasoNet leaves out, 0 where the map has no polygon.

    Raises:
        DataError: the map holds a code that is not CORINE's.
    """
    side = tile.pixels(LABEL_RESOLUTION)
    raster = np.zeros((side, side), dtype=np.uint8)
    for layer, column in land_cover.layers:
        if not meets(layer, tile.epsg, tile.bounds):
            continue
        frame = read_layer(layer, [column], tile.epsg, tile.bounds)
        codes = _raster_codes(frame[column].tolist(), f"{layer.title}, column {column}")
        if len(codes):
            burn_polygons(raster, frame.geometry.to_numpy(), codes, tile, LABEL_RESOLUTION)
    return raster


def _raster_codes(values: Sequence[object], where: str) -> NDArray[np.uint8]:
    texts = [str(value).strip() for value in values]
    unknown = sorted(set(texts) - CLC_CODES)
    if unknown:
        shown = ", ".join(repr(code) for code in unknown[:5])
        raise DataError(f"{where}: {shown} is not a CORINE land-cover code (such as '112')")
    return np.array([raster_code(text) for text in texts], dtype=np.uint8)
