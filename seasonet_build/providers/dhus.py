"""Any DHuS server, through sentinelsat: query and check sums; whole products come as one zip.

sentinelsat is under the GPL and an extra: it is imported here and nowhere else.
"""

import os
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely

from seasonet_build.config.download import DownloadSection
from seasonet_build.errors import ConfigError
from seasonet_build.providers.cdse import datastrip_start
from seasonet_build.providers.offers import Offer, OfferedFile, Provider, Query, SearchError, fits, name_parts, offer_of
from seasonet_build.transfer.http import HttpSource
from seasonet_build.transfer.remote import CredentialsError

_CHECKSUMS = {"sha3-256": "sha3_256", "sha256": "sha256", "md5": "md5"}
"""How sentinelsat calls a check sum, and how hashlib does; the best first."""


def make_provider(url: str, options: DownloadSection) -> Provider:
    """Return the provider of a server.

    Raises:
        ConfigError: sentinelsat is not installed.
        CredentialsError: user and password are not set.
    """
    user, password = os.environ.get("DHUS_USERNAME"), os.environ.get("DHUS_PASSWORD")
    if not user or not password:
        raise CredentialsError(f"no account for {url}: set DHUS_USERNAME and DHUS_PASSWORD")
    access = BasicAccess(user, password)
    search = DhusSearch(url, user, password, options.timeout_s)
    return Provider("dhus", url, search, lambda: HttpSource(access, options.timeout_s, options.connections))


class BasicAccess:
    """User and password in a header."""

    def __init__(self, user: str, password: str) -> None:
        """Prepare the header."""
        self._header = "Basic " + b64encode(f"{user}:{password}".encode()).decode()

    def address(self, url: str) -> str:
        """Return the address as it is."""
        return url

    def headers(self, _address: str) -> Mapping[str, str]:
        """Return the header."""
        return {"Authorization": self._header}

    def renew(self, _used: Mapping[str, str]) -> bool:
        """There is nothing to renew."""
        return False


class DhusSearch:
    """Finds products on a DHuS server."""

    def __init__(self, url: str, user: str, password: str, timeout_s: float) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            ConfigError: sentinelsat is not installed.
        """
        try:
            from sentinelsat import SentinelAPI
        except ImportError:
            raise ConfigError(
                "download.provider = 'dhus' needs sentinelsat: pip install 'seasonet-build[dhus]'"
            ) from None
        self._url = url.rstrip("/")
        self._api = SentinelAPI(user, password, self._url, show_progressbars=False, timeout=timeout_s)

    def search(self, query: Query) -> Sequence[Offer]:
        """Return what fits a query.

        Raises:
            SearchError: the server cannot be asked.
        """
        wanted: dict[str, Any] = {"cloudcoverpercentage": (0, query.max_cloud)}
        if query.max_snow < 100 or query.min_snow > 0:
            wanted["snowicepercentage"] = (query.min_snow, query.max_snow)
        days = (query.start.strftime("%Y%m%d"), (query.end + timedelta(days=1)).strftime("%Y%m%d"))
        found = self._ask(date=days, filename=f"S2?_MSIL2A_*_T{query.tile}_*", **wanted)
        offers = [self._offer(uuid, properties) for uuid, properties in sorted(found.items())]
        return [offer for offer in offers if fits(offer, query)]

    def by_name(self, names: Collection[str]) -> Mapping[str, Offer]:
        """Return what is still on offer of some products.

        Raises:
            SearchError: the server cannot be asked.
        """
        offers: dict[str, Offer] = {}
        for name in sorted(names):
            for uuid, properties in sorted(self._ask(filename=f"{name}.SAFE").items()):
                offers[name] = self._offer(uuid, properties)
        return offers

    def _ask(self, **keywords: Any) -> Mapping[str, Mapping[str, Any]]:
        from sentinelsat.exceptions import SentinelAPIError, UnauthorizedError

        try:
            found: Mapping[str, Mapping[str, Any]] = self._api.query(platformname="Sentinel-2", **keywords)
        except UnauthorizedError:
            raise CredentialsError(f"{self._url} does not take DHUS_USERNAME and DHUS_PASSWORD; check them") from None
        except (SentinelAPIError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise SearchError(f"{self._url}: the server cannot be asked: {reason}") from None
        return found

    def _offer(self, uuid: str, properties: Mapping[str, Any]) -> Offer:
        name = str(properties.get("title"))
        try:
            parts = name_parts(name)
            start = datetime.strptime(parts["start"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
            strip = properties.get("datastripidentifier")
            number = parts["baseline"]
            return offer_of(
                name,
                ".zip",
                datastrip=datastrip_start(str(strip)) if strip else start,
                baseline=f"{number[:2]}.{number[2:]}",
                cloud=float(properties["cloudcoverpercentage"]),
                snow=properties.get("snowicepercentage"),
                footprint=_footprint(properties.get("footprint")),
                files=(self._archive(uuid, name),),
            )
        except (KeyError, TypeError, ValueError, shapely.errors.ShapelyError) as error:
            raise SearchError(f"{self._url}: product {name!r} is not as expected: {error!r}") from None

    def _archive(self, uuid: str, name: str) -> OfferedFile:
        from sentinelsat.exceptions import SentinelAPIError

        try:
            details = self._api.get_product_odata(uuid)
        except (SentinelAPIError, OSError) as error:
            raise SearchError(f"{self._url}: {name} cannot be looked up: {' '.join(str(error).split())}") from None
        checksum = next(((ours, str(details[key]).lower()) for key, ours in _CHECKSUMS.items() if key in details), None)
        url = f"{self._url}/odata/v1/Products('{uuid}')/$value"
        return OfferedFile(path=f"{name}.zip", url=url, role="archive", size=details.get("size"), checksum=checksum)


def _footprint(text: Any) -> dict[str, Any] | None:
    if not text:
        return None
    geometry: dict[str, Any] = shapely.geometry.mapping(shapely.from_wkt(str(text)))
    return geometry
