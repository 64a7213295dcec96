"""Which tiles a build has, and where they lie."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import shapely

from seasonet_build.config.models import AreaSection
from seasonet_build.errors import ConfigError, DataError, ProductError
from seasonet_build.model.tiles import Tile, nominal_tile, square_of, utm_epsg

if TYPE_CHECKING:
    from seasonet_build.sources.products import Product

_TABLE_COLUMNS = ("tile", "epsg", "ulx", "uly")


def tile_names(area: AreaSection, products: Iterable[Product]) -> list[str]:
    """Return the names of the tiles of an area, sorted.

    They are the tiles listed; else those of the tile table, or, without a table, those that products are there for,
    as far as they meet the outline.

    Raises:
        ConfigError: no tile meets the area, or a listed tile is not in the table.
        DataError: a file cannot be read.
    """
    table = read_tile_table(area.tile_table) if area.tile_table is not None else None
    if area.tiles:
        absent = [name for name in area.tiles if table is not None and name not in table]
        if absent:
            raise ConfigError(f"area.tiles: tile {absent[0]!r} is not in {area.tile_table}")
        return list(area.tiles)
    names = sorted(table if table is not None else {product.tile for product in products})
    if area.outline is None:
        return names
    meeting = _meeting(names, area.outline)
    if not meeting:
        raise ConfigError(f"area.outline: none of the tiles ({', '.join(names) or 'none'}) meets {area.outline}")
    return meeting


def place_tiles(area: AreaSection, names: Iterable[str], products: Iterable[Product]) -> dict[str, Tile]:
    """Return where tiles lie, by name, sorted.

    The place is that of the tile table if there is one, else the one that most products of the tile state, else the
    one that follows from the name.
    """
    table = read_tile_table(area.tile_table) if area.tile_table is not None else {}
    by_tile: dict[str, list[Product]] = {name: [] for name in sorted(names)}
    for product in products:
        by_tile[product.tile].append(product)
    return {name: table.get(name) or _stated_place(own) or nominal_tile(name) for name, own in by_tile.items()}


def misplacement(product: Product, tiles: Mapping[str, Tile]) -> ProductError | None:
    """Return what is wrong with the place of a product, if it is not that of its tile."""
    tile = tiles[product.tile]
    if product.extent == tile:
        return None
    return ProductError(product.name, f"covers {_place(product.extent)}, tile {tile.name} is {_place(tile)}")


def read_tile_table(path: Path) -> dict[str, Tile]:
    """Read a CSV file with columns tile, epsg, ulx, uly (metres) and, for tiles of another size, size_m.

    Raises:
        DataError: the file cannot be read or lacks a column.
        ConfigError: a tile does not exist.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    tiles: dict[str, Tile] = {}
    for line, row in enumerate(rows, start=2):
        try:
            numbers = [int(row[column]) for column in _TABLE_COLUMNS[1:]]
            size = {"size_m": int(row["size_m"])} if row.get("size_m") else {}
            square_of(row["tile"])
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{path}, line {line}: columns {', '.join(_TABLE_COLUMNS)} are needed, in metres") from None
        tiles[row["tile"]] = Tile(row["tile"], *numbers, **size)
    return tiles


def _meeting(names: Iterable[str], outline: Path) -> list[str]:
    """Return the tiles whose own 100 km square meets the polygons of a file: others own no patch in there."""
    # Here, and not above: this loads pandas and all else that reads vector files.
    from seasonet_build.sources.vector import find_layers, read_layer

    layers = find_layers(outline, "*")
    meeting = []
    for name in names:
        square = square_of(name)
        box = (square.west, square.south, square.east, square.north)
        frames = [read_layer(layer, [], utm_epsg(name), box) for layer in layers]
        if any(frame.intersects(shapely.box(*box)).any() for frame in frames):
            meeting.append(name)
    return meeting


def _stated_place(products: list[Product]) -> Tile | None:
    places = Counter(product.extent for product in products)
    return min(places, key=lambda place: (-places[place], place)) if places else None


def _place(tile: Tile) -> str:
    return f"{tile.size_m} m from ({tile.ulx}, {tile.uly}) in EPSG:{tile.epsg}"
