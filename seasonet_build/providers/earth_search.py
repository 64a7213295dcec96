"""Earth Search (Element 84): STAC search, public Cloud-Optimised GeoTIFFs without an account."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from seasonet_build.model.bands import RASTER_RESOLUTION, SCL
from seasonet_build.model.products import ASSETS
from seasonet_build.providers.cdse import datastrip_start, parse_multihash
from seasonet_build.providers.offers import Offer, OfferedFile, Query, SearchError, fits, name_parts, offer_of
from seasonet_build.providers.stac import Catalogue, condition

STAC_URL = "https://earth-search.aws.element84.com/v1"
COLLECTION = "sentinel-2-l2a"


class EarthSearch:
    """Finds products in the catalogue of Earth Search."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Remember where to ask."""
        self._catalogue = Catalogue(url, COLLECTION, timeout_s)

    def search(self, query: Query) -> Sequence[Offer]:
        """Return what fits a query.

        Raises:
            SearchError: the catalogue cannot be asked.
        """
        wanted = [
            condition("=", "grid:code", f"MGRS-{query.tile.lstrip('0')}"),
            condition("<=", "eo:cloud_cover", query.max_cloud),
        ]
        if query.max_snow < 100:
            wanted.append(condition("<=", "s2:snow_ice_percentage", query.max_snow))
        if query.min_snow > 0:
            wanted.append(condition(">=", "s2:snow_ice_percentage", query.min_snow))
        offers = (self._offer(item) for item in self._catalogue.find(query, wanted))
        return [offer for offer in offers if fits(offer, query)]

    def by_name(self, names: Collection[str]) -> Mapping[str, Offer]:
        """Return what is still on offer of some products, by the name of ESA's product.

        Raises:
            SearchError: the catalogue cannot be asked.
        """
        offers: dict[str, Offer] = {}
        for name in sorted(names):
            parts = name_parts(name)
            day = datetime.strptime(parts["start"], "%Y%m%dT%H%M%S").date()
            # The catalogue's own ids count the images of a day, so that they cannot be told from the name.
            found = self.search(Query(parts["tile"], day, day))
            offers |= {offer.name: offer for offer in found if offer.name == name}
        return offers

    def _offer(self, item: Mapping[str, Any]) -> Offer:
        try:
            properties = item["properties"]
            name = str(properties["s2:product_uri"]).removesuffix(".SAFE")
            return offer_of(
                name,
                ".COG",
                datastrip=datastrip_start(str(properties["s2:datastrip_id"])),
                baseline=str(properties["s2:processing_baseline"]),
                cloud=float(properties["eo:cloud_cover"]),
                snow=properties.get("s2:snow_ice_percentage"),
                footprint=item.get("geometry"),
                files=tuple(_files(item, f"{name}.COG")),
                item=dict(item),
            )
        except (KeyError, TypeError, ValueError) as error:
            reason = f"{self._catalogue.url}: item {item.get('id')!r} is not as expected: {error!r}"
            raise SearchError(reason) from None


def _files(item: Mapping[str, Any], folder: str) -> list[OfferedFile]:
    base = next((link["href"] for link in item.get("links", []) if link.get("rel") == "self"), "")
    files = []
    for raster in sorted(RASTER_RESOLUTION):
        asset = item["assets"][ASSETS[raster]]
        url = urljoin(base, asset["href"])
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"asset {ASSETS[raster]} has the address {url!r}")
        files.append(
            OfferedFile(
                path=f"{folder}/{raster}.tif",
                url=url,
                role="scl" if raster == SCL else "band",
                size=asset.get("file:size"),
                checksum=parse_multihash(asset.get("file:checksum")),
            )
        )
    return files
