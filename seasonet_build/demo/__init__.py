"""Synthetic inputs for `seasonet-build demo` and for tests: products, a land-cover map and districts."""

from __future__ import annotations

from pathlib import Path

from seasonet_build.demo.ground import make_ground
from seasonet_build.demo.landcover import write_landcover
from seasonet_build.demo.products import AREA, write_products
from seasonet_build.demo.regions import write_regions

__all__ = ["make_demo_inputs"]


def make_demo_inputs(folder: Path, *, seed: int = 2018) -> None:
    """Write `folder`/products, `folder`/landcover and `folder`/regions; the same `seed` gives the same bytes.

    Two neighbouring tiles of 7.8 km (32UNA and 32UPA, UTM zone 32) were seen on ten days from April 2018 to
    February 2019. Land cover and scenes are invented, and agree with each other.
    """
    ground = make_ground(AREA, seed)
    write_landcover(folder / "landcover", ground)
    write_regions(folder / "regions")
    products = folder / "products"
    products.mkdir(parents=True, exist_ok=True)
    write_products(products, ground, seed)
