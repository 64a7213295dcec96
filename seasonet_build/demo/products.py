"""The demo's list of products: which tile was seen when, under which sky, and in how many deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seasonet_build.demo.ground import Area, Ground
from seasonet_build.demo.safe import SyntheticProduct, write_product
from seasonet_build.demo.scenery import Scene, Weather, render

EPSG = 32632
TILE_SIZE = 7800  # metres
TILES = {"32UNA": (594_000, 5_560_020), "32UPA": (598_980, 5_560_020)}

# Both tiles with 1020 m around them.
AREA = Area(west=592_980, north=5_561_040, rows=984, cols=1482)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Acquisition:
    """One pass of the satellite over the demo area, and how its products are delivered."""

    start: datetime
    platform: str
    orbit: int
    baseline: str
    weather: Weather
    tiles: tuple[str, ...] = tuple(TILES)
    swath_edge: bool = False  # the swath ends inside the western tile
    reprocessed: str | None = None  # this tile is also on offer in baseline 05.00, with an offset
    split: str | None = None  # this tile comes as two granules of two datastrips
    zipped: str | None = None  # this tile comes as a zip file


# Two passes or more in every season, clouded at different places, and one (June) outside all seasons.
ACQUISITIONS = (
    Acquisition(datetime(2018, 4, 20, 10, 30, 21), "A", 108, "02.07", Weather(cloud=0.18), reprocessed="32UNA"),
    Acquisition(datetime(2018, 5, 7, 10, 20, 19), "B", 65, "02.07", Weather(cloud=0.18, cloud_size=200)),
    Acquisition(datetime(2018, 6, 6, 10, 20, 21), "A", 65, "02.08", Weather(cloud=0.05), tiles=("32UPA",)),
    Acquisition(datetime(2018, 7, 19, 10, 30, 21), "A", 108, "02.08", Weather(cloud=0.14, cloud_size=160)),
    Acquisition(datetime(2018, 8, 6, 10, 20, 19), "B", 65, "02.08", Weather(cloud=0.20), split="32UPA"),
    Acquisition(datetime(2018, 10, 12, 10, 30, 21), "A", 108, "02.09", Weather(cloud=0.18), zipped="32UNA"),
    Acquisition(datetime(2018, 11, 4, 10, 10, 59), "B", 22, "02.09", Weather(cloud=0.12, cirrus=0.16), swath_edge=True),
    Acquisition(datetime(2019, 1, 20, 10, 33, 39), "B", 108, "02.11", Weather(cloud=0.04, snow=0.84)),
    Acquisition(datetime(2019, 2, 14, 10, 31, 41), "A", 108, "02.11", Weather(cloud=0.20, snow=0.03)),
    Acquisition(datetime(2019, 2, 26, 10, 20, 29), "B", 65, "02.11", Weather(cloud=0.18, cloud_size=200)),
)


def write_products(folder: Path, ground: Ground, seed: int) -> list[Path]:
    """Write every product of the demo into `folder` and return their paths in the order of acquisition."""
    return [path for acquisition in ACQUISITIONS for path in write_acquisition(folder, ground, acquisition, seed)]


def write_acquisition(folder: Path, ground: Ground, acquisition: Acquisition, seed: int) -> list[Path]:
    """Photograph the ground once and write the products of that pass."""
    scene = render(ground, acquisition.start.date(), acquisition.weather, seed)
    return [path for tile in acquisition.tiles for path in _write_tile(folder, scene, acquisition, tile)]


def _write_tile(folder: Path, scene: Scene, acquisition: Acquisition, tile: str) -> Iterator[Path]:
    product = _product(acquisition, tile)
    seen = _swath(scene.area) if acquisition.swath_edge else None
    if acquisition.split == tile:
        first = _first_datastrip(scene.area)
        # Datastrips last minutes: that tells them from reprocessings, whose times differ by seconds.
        later = product.start + timedelta(minutes=4, seconds=12)
        second = replace(product, datastrip_start=later, discriminator=product.generated + timedelta(minutes=11))
        parts: list[tuple[SyntheticProduct, Mask | None]] = [(product, first), (second, ~first)]
    else:
        parts = [(product, seen)]
    for part, mask in parts:
        bands, scl = scene.cut(product.ulx, product.uly, product.size_m, mask)
        yield write_product(folder, part, bands, scl, zipped=acquisition.zipped == tile)
        if acquisition.reprocessed == tile:
            yield _write_reprocessed(folder, part, bands, scl)


def _product(acquisition: Acquisition, tile: str) -> SyntheticProduct:
    ulx, uly = TILES[tile]
    return SyntheticProduct(
        tile=tile,
        epsg=EPSG,
        ulx=ulx,
        uly=uly,
        size_m=TILE_SIZE,
        start=acquisition.start,
        platform=acquisition.platform,
        orbit=acquisition.orbit,
        baseline=acquisition.baseline,
    )


def _write_reprocessed(
    folder: Path, product: SyntheticProduct, bands: dict[str, NDArray[np.uint16]], scl: NDArray[np.uint8]
) -> Path:
    """Write the same pixels as the later archive has them: baseline 05.00, digital numbers raised by 1000."""
    later = replace(product, baseline="05.00", offset=-1000, discriminator=datetime(2023, 8, 12, 9, 1, 44))
    raised = {band: np.where(data > 0, data + np.uint16(1000), data).astype(np.uint16) for band, data in bands.items()}
    return write_product(folder, later, raised, scl)


def _swath(area: Area) -> Mask:
    """Return what the satellite saw, in 60 m pixels: all but a wedge in the west."""
    rows, cols = np.ogrid[: area.rows // 6, : area.cols // 6]
    return np.asarray(cols + 0.21 * rows > 66)


def _first_datastrip(area: Area) -> Mask:
    """Return the northern part of a pass that was cut across its track, in 60 m pixels."""
    # Whole 60 m pixels: so the two parts complement each other exactly in every band.
    rows, cols = np.ogrid[: area.rows // 6, : area.cols // 6]
    return np.asarray(rows + 0.2 * (cols - 165) < 78)
