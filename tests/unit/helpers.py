"""What the unit tests share: the kit, modest settings for hypothesis, small synthetic products and tables."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from seasonet_build.demo.safe import BAND_RESOLUTION, SyntheticProduct, write_product
from seasonet_build.model.tiles import Tile
from seasonet_build.sources.products import Product

ROOT = Path(__file__).resolve().parents[2]
KIT = Path(os.environ.get("SEASONET_KIT") or ROOT.parent / "shared" / "data")

needs_kit = pytest.mark.skipif(not KIT.is_dir(), reason=f"the test material is not there: SEASONET_KIT, else {KIT}")

modest = settings(deadline=None, max_examples=30)
few = settings(deadline=None, max_examples=8)

ULX, ULY = 540_000, 5_560_020
"""Corner of the small tiles: well inside the square of 32UNA."""


def small_tile(size_m: int = 1200, name: str = "32UNA") -> Tile:
    return Tile(name, 32632, ULX, ULY, size_m)


def synthetic(**changes: Any) -> SyntheticProduct:
    """A product of 1200 m on 32UNA; any field may be changed."""
    fields: dict[str, Any] = {
        "tile": "32UNA",
        "epsg": 32632,
        "ulx": ULX,
        "uly": ULY,
        "size_m": 1200,
        "start": datetime(2018, 4, 18, 10, 40, 21),
    }
    return SyntheticProduct(**{**fields, **changes})


def random_bands(size_m: int, seed: int = 0, leave_out: Collection[str] = ()) -> dict[str, NDArray[np.uint16]]:
    random = np.random.default_rng(seed)
    return {
        band: random.integers(1, 4000, (size_m // metres,) * 2).astype(np.uint16)
        for band, metres in BAND_RESOLUTION.items()
        if band not in leave_out
    }


def clear_scl(size_m: int) -> NDArray[np.uint8]:
    return np.full((size_m // 20,) * 2, 4, dtype=np.uint8)


def write_small(
    folder: Path,
    product: SyntheticProduct,
    *,
    zipped: bool = False,
    leave_out: Collection[str] = (),
    bands: Mapping[str, NDArray[np.uint16]] | None = None,
    scl: NDArray[np.uint8] | None = None,
) -> Path:
    """Write a product of random pixels under a clear sky."""
    pixels = random_bands(product.size_m, leave_out=leave_out) if bands is None else bands
    return write_product(folder, product, pixels, clear_scl(product.size_m) if scl is None else scl, zipped=zipped)


def product_record(  # a product that was inspected, without files
    start: datetime = datetime(2018, 4, 18, 10, 40, 21, tzinfo=UTC),
    *,
    tile: str = "32UNA",
    platform: str = "S2A",
    baseline: str = "02.07",
    discriminator: datetime | None = None,
    strip: timedelta = timedelta(0),
    folder: str = "/products",
    size_m: int = 1200,
    rasters: Mapping[str, str] | None = None,
) -> Product:
    made = (discriminator or start + timedelta(hours=3)).strftime("%Y%m%dT%H%M%S")
    number = baseline.replace(".", "")
    name = f"{platform}_MSIL2A_{start:%Y%m%dT%H%M%S}_N{number}_R008_T{tile}_{made}"
    return Product(
        name=name,
        path=f"{folder}/{name}.SAFE",
        platform=platform,
        start=start,
        baseline=baseline,
        orbit=8,
        discriminator=made,
        datastrip=start + strip,
        tile=tile,
        epsg=32632,
        ulx=ULX,
        uly=ULY,
        size_m=size_m,
        cloud=0.0,
        offsets=dict.fromkeys(BAND_RESOLUTION, 0),
        rasters=dict(rasters or {}),
        digest=f"digest of {folder}/{name}",
        manifest_credible=True,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
