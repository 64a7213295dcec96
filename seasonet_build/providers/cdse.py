"""The Copernicus Data Space Ecosystem: STAC search, files by S3 or HTTPS."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from seasonet_build.model.bands import RASTER_RESOLUTION, SCL
from seasonet_build.providers.offers import Offer, OfferedFile, Query, SearchError, fits, offer_of
from seasonet_build.providers.stac import Catalogue, condition

STAC_URL = "https://stac.dataspace.copernicus.eu/v1"
S3_ENDPOINT = "https://eodata.dataspace.copernicus.eu"
TOKEN_URL = "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token"
COLLECTION = "sentinel-2-l2a"

METADATA = ("product_metadata", "granule_metadata", "safe_manifest")
_MULTIHASH = {"1220": ("sha256", 64), "1620": ("sha3_256", 64), "d50110": ("md5", 32)}
"""Prefixes of multihash (code of the function, length) and the hex digits that follow.

XML files carry ``d50120``, which is MD5 with a length that MD5 does not have: of which function the digest is cannot be
told, so that these files are held against their size here and against ``manifest.safe`` when the product is read.
"""

_DATASTRIP = re.compile(r".*_S(\d{8}T\d{6})_N\d\d\.\d\d")
Protocol = Literal["s3", "https"]


def conditions(query: Query) -> list[dict[str, Any]]:
    """Return a query as CQL2 conditions on the catalogue's properties."""
    wanted = [
        condition("=", "grid:code", f"MGRS-{query.tile}"),
        condition("<=", "eo:cloud_cover", query.max_cloud),
    ]
    if query.max_snow < 100:
        wanted.append(condition("<=", "eo:snow_cover", query.max_snow))
    if query.min_snow > 0:
        wanted.append(condition(">=", "eo:snow_cover", query.min_snow))
    return wanted


class CdseSearch:
    """Finds products in the catalogue of the Copernicus Data Space."""

    def __init__(self, url: str, protocol: Protocol, timeout_s: float) -> None:
        """Remember where to ask, and by which protocol files will be fetched."""
        self._catalogue, self._protocol = Catalogue(url, COLLECTION, timeout_s), protocol

    def search(self, query: Query) -> Sequence[Offer]:
        """Return what fits a query.

        Raises:
            SearchError: the catalogue cannot be asked.
        """
        offers = (self._offer(item) for item in self._catalogue.find(query, conditions(query)))
        return [offer for offer in offers if fits(offer, query)]

    def by_name(self, names: Collection[str]) -> Mapping[str, Offer]:
        """Return what is still on offer of some products.

        Raises:
            SearchError: the catalogue cannot be asked.
        """
        offers = (self._offer(item) for item in self._catalogue.by_id(names))
        return {offer.name: offer for offer in offers}

    def _offer(self, item: Mapping[str, Any]) -> Offer:
        name = str(item.get("id"))
        try:
            properties = item["properties"]
            return offer_of(
                name,
                ".SAFE",
                datastrip=datastrip_start(str(properties["eopf:datastrip_id"])),
                baseline=str(properties["processing:version"]),
                cloud=float(properties["eo:cloud_cover"]),
                snow=properties.get("eo:snow_cover"),
                footprint=item.get("geometry"),
                files=tuple(self._files(item["assets"], f"{name}.SAFE")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SearchError(f"{self._catalogue.url}: item {name!r} is not as expected: {error!r}") from None

    def _files(self, assets: Mapping[str, Any], folder: str) -> list[OfferedFile]:
        bands = {f"{raster}_{metres}m": raster for raster, metres in RASTER_RESOLUTION.items()}
        files = []
        for key in (*METADATA, *sorted(bands)):
            asset = assets[key]
            path = str(asset["file:local_path"])
            if not path.startswith(f"{folder}/"):
                raise ValueError(f"asset {key} lies in {path!r}, outside {folder}")
            role = "metadata" if key in METADATA else "scl" if bands[key] == SCL else "band"
            # Addresses of MTD_TL.xml have a node without a name in them, which no folder of the product has.
            https = asset["alternate"]["https"]["href"].replace("/Nodes()", "")
            url = asset["href"] if self._protocol == "s3" else https
            checksum = parse_multihash(asset.get("file:checksum"))
            files.append(OfferedFile(path=path, url=url, role=role, size=asset.get("file:size"), checksum=checksum))
        return files


def parse_multihash(text: Any) -> tuple[str, str] | None:
    """Return algorithm (for hashlib) and value of a multihash in hex; None if there is none, or of another kind.

    Raises:
        ValueError: the value has another length than its algorithm gives.
    """
    for prefix, (algorithm, length) in _MULTIHASH.items():
        if isinstance(text, str) and text.lower().startswith(prefix):
            value = text[len(prefix) :].lower()
            if len(value) != length or re.fullmatch("[0-9a-f]+", value) is None:
                raise ValueError(f"checksum {text!r} is not one of {algorithm}")
            return algorithm, value
    return None


def datastrip_start(identifier: str) -> datetime:
    """Return the sensing start in a datastrip's identifier, UTC.

    Raises:
        ValueError: there is none.
    """
    match = _DATASTRIP.fullmatch(identifier)
    if match is None:
        raise ValueError(f"{identifier!r} is not the identifier of a datastrip")
    return datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
