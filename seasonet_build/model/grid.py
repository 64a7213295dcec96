"""The two patch grids of a tile.

Grid 1 starts at the tile's upper-left corner; grid 2 is the same grid half a patch further east and south. Both have
square cells of 1200 m. Everything here is vectorised over cells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.model.tiles import SQUARE_M, Tile, square_of

PATCH_M = 1200
"""Side of a patch in metres: 120 px of 10 m, 60 px of 20 m, 20 px of 60 m."""

HALF_M = PATCH_M // 2
GRIDS = (1, 2)
NAME_POINT_M = 605
"""A patch is named after the centre of its pixel (60, 60) of 10 m: this far east and south of its corner."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def shift_m(grid: int) -> int:
    """Return how far a grid (1 or 2) lies east and south of the tile's corner, in metres."""
    return HALF_M * (grid - 1)


def cells_along(tile: Tile, grid: int) -> int:
    """Return the number of whole cells along a side of the tile: 91 for both grids of a full tile."""
    return max(0, tile.size_m - shift_m(grid)) // PATCH_M


@dataclass(frozen=True)
class Cells:
    """Cells of one grid of one tile as parallel arrays, shape (n,).

    ``x`` and ``y`` are the upper-left corner in the tile's UTM zone, in metres.
    """

    tile: Tile
    grid: int
    row: Ints
    col: Ints

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.row)

    @property
    def x(self) -> Ints:
        """Return the west edges, metres."""
        return self.tile.ulx + shift_m(self.grid) + PATCH_M * self.col

    @property
    def y(self) -> Ints:
        """Return the north edges, metres."""
        return self.tile.uly - shift_m(self.grid) - PATCH_M * self.row

    def take(self, mask: NDArray[np.bool_]) -> "Cells":
        """Return the cells where ``mask``, shape (n,), is true."""
        return Cells(self.tile, self.grid, self.row[mask], self.col[mask])


def all_cells(tile: Tile, grid: int) -> Cells:
    """Return every cell of a grid in row-major order."""
    n = cells_along(tile, grid)
    row, col = np.divmod(np.arange(n * n, dtype=np.int64), max(n, 1))
    return Cells(tile, grid, row, col)


def in_own_square(cells: Cells) -> NDArray[np.bool_]:
    """Tell for each cell whether its centre lies in the 100 km square that the tile is named after.

    A centre on an edge belongs to the square east or south of it.
    """
    square = square_of(cells.tile.name)
    x, y = cells.x + HALF_M, cells.y - HALF_M
    inside: NDArray[np.bool_] = (
        (x >= square.west) & (x < square.west + SQUARE_M) & (y <= square.north) & (y > square.north - SQUARE_M)
    )
    return inside


def geographic(cells: Cells, dx: float, dy: float) -> tuple[Floats, Floats]:
    """Return longitude and latitude (degrees, WGS 84) of the points ``dx`` east and ``dy`` south of each corner."""
    to_geographic = Transformer.from_crs(cells.tile.epsg, 4326, always_xy=True)
    longitude, latitude = to_geographic.transform(cells.x + dx, cells.y - dy)
    return np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)


def in_own_zone(cells: Cells) -> NDArray[np.bool_]:
    """Tell for each cell whether its centre lies in the 6-degree band of the tile's UTM zone."""
    longitude, _ = geographic(cells, HALF_M, HALF_M)
    inside: NDArray[np.bool_] = np.floor(longitude / 6).astype(np.int64) + 31 == cells.tile.zone
    return inside
