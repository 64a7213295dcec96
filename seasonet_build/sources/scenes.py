"""From the products on disk to scenes: which product speaks for an acquisition, and which are set aside.

A scene is one tile in one datatake. Of one datastrip in several processing baselines the highest is taken; 99.99 is
not one of ESA's baselines and ranks below all. In one baseline, ESA's lossless original goes before GeoTIFFs that were
made of it. Granules of different datastrips complete each other.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from pydantic import BaseModel, ConfigDict

from seasonet_build.model.names import DATATAKE_FORMAT
from seasonet_build.model.products import NOT_A_BASELINE, SAME_DATASTRIP
from seasonet_build.model.tiles import Tile
from seasonet_build.sources.products import Product


class Scene(BaseModel):
    """An acquisition of a tile: one product, or several granules that complete each other, the best first."""

    model_config = ConfigDict(frozen=True)

    products: tuple[Product, ...]

    @property
    def first(self) -> Product:
        """Return the product that counts where several have data."""
        return self.products[0]

    @property
    def tile(self) -> Tile:
        """Return where the scene lies."""
        return self.first.extent

    @property
    def start(self) -> datetime:
        """Return the sensing start of the datatake, UTC."""
        return self.first.start

    @property
    def id(self) -> str:
        """Return a name that no other scene has, such as ``32ULV_20180418T104021_S2A``.

        A satellite is on one orbit at a time, so the orbit adds nothing.
        """
        return f"{self.first.tile}_{self.start.strftime(DATATAKE_FORMAT)}_{self.first.platform}"

    @property
    def digest(self) -> str:
        """Return a text that stands for the content of all products."""
        return " ".join(product.digest for product in self.products)


class SetAside(BaseModel):
    """A product that is not used, and why."""

    model_config = ConfigDict(frozen=True)

    product: str
    reason: str
    damaged: bool = False


def make_scenes(products: Iterable[Product]) -> tuple[list[Scene], list[SetAside]]:
    """Group products into scenes, sorted by id, and name those that others supersede.

    The result does not depend on the order of the products.
    """
    scenes: list[Scene] = []
    aside: list[SetAside] = []
    ordered = sorted(products, key=lambda p: (p.tile, p.start, p.platform, p.orbit, p.datastrip, p.name, p.path))
    for _, group in groupby(ordered, key=lambda p: (p.tile, p.start, p.platform, p.orbit)):
        winners: list[Product] = []
        for strip in _datastrips(list(group)):
            best, *others = sorted(strip, key=_rank, reverse=True)
            winners.append(best)
            aside += [SetAside(product=p.name, reason=_superseded(p, best)) for p in others]
        scenes.append(Scene(products=tuple(sorted(winners, key=_rank, reverse=True))))
    return sorted(scenes, key=lambda scene: scene.id), sorted(aside, key=lambda a: (a.product, a.reason))


def _datastrips(products: Sequence[Product]) -> list[list[Product]]:
    """Split products, sorted by the start of their datastrip, into those of one datastrip each."""
    strips: list[list[Product]] = []
    for product in products:
        if strips and product.datastrip - strips[-1][-1].datastrip <= SAME_DATASTRIP:
            strips[-1].append(product)
        else:
            strips.append([product])
    return strips


def _rank(product: Product) -> tuple[bool, str, bool, str, str, str]:
    return (
        product.baseline != NOT_A_BASELINE,
        product.baseline,
        not product.is_cog,
        product.discriminator,
        product.name,
        product.path,
    )


def _superseded(product: Product, best: Product) -> str:
    if product.name == best.name:
        return f"is there twice; {best.path} is used"
    return f"superseded by {best.name}"
