"""What a catalogue has on offer, and what all providers can be asked."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from seasonet_build.errors import DataError
from seasonet_build.model.products import PRODUCT_NAME
from seasonet_build.transfer.remote import Checksum, RemoteFile, Source

Role = Literal["scl", "metadata", "band", "archive"]


class OfferedFile(BaseModel):
    """A file of a product; see :class:`seasonet_build.transfer.remote.RemoteFile`."""

    model_config = ConfigDict(frozen=True)

    path: str
    url: str
    role: Role
    size: int | None = None
    checksum: tuple[str, str] | None = None

    def remote(self) -> RemoteFile:
        """Return what the transfer works with.

        Raises:
            DataError: the path leads out of the product's folder.
        """
        return RemoteFile(self.path, self.url, self.size, Checksum(*self.checksum) if self.checksum else None)


class Offer(BaseModel):
    """A product on offer.

    ``name`` is that of ESA's product without ``.SAFE``; ``folder`` the name under which its files are kept. ``start``
    is the start of the datatake, ``datastrip`` that of the datastrip, UTC. ``cloud`` and ``snow`` are percent.
    ``footprint`` is a GeoJSON geometry in longitude and latitude, None where it is not known. ``item`` is kept beside
    the files where the product has no metadata of its own.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    folder: str
    platform: str
    tile: str
    orbit: int
    start: datetime
    datastrip: datetime
    baseline: str
    generated: str
    cloud: float
    snow: float | None = None
    footprint: dict[str, Any] | None = None
    files: tuple[OfferedFile, ...] = ()
    item: dict[str, Any] | None = None

    @property
    def bytes(self) -> int:
        """Return the size of all files, so far as it is known."""
        return sum(file.size or 0 for file in self.files)


@dataclass(frozen=True)
class Query:
    """What is searched for: a tile, days (UTC, both ends count), and limits of the whole scene in percent."""

    tile: str
    start: date
    end: date
    max_cloud: float = 100.0
    max_snow: float = 100.0
    min_snow: float = 0.0


class Search(Protocol):
    """A catalogue of products."""

    def search(self, query: Query) -> Sequence[Offer]:
        """Return what fits.

        Raises:
            SearchError: the catalogue cannot be reached or answers nonsense.
        """

    def by_name(self, names: Collection[str]) -> Mapping[str, Offer]:
        """Return the products of these names that are still on offer, with addresses that are good now.

        Raises:
            SearchError: the catalogue cannot be reached or answers nonsense.
        """


@dataclass(frozen=True)
class Provider:
    """A place where products come from.

    Attributes:
        name: as the configuration has it.
        address: where its catalogue is.
        search: the catalogue.
        connect: returns what opens its files; raises CredentialsError where credentials are missing.
    """

    name: str
    address: str
    search: Search
    connect: Callable[[], Source]


class SearchError(DataError):
    """A catalogue cannot be asked, or does not answer as catalogues do."""


def name_parts(name: str) -> dict[str, str]:
    """Return the parts of a product's name: platform, start, baseline, orbit, tile, discriminator.

    Raises:
        ValueError: this is not the name of a Level-2A product.
    """
    match = PRODUCT_NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not the name of a Level-2A product")
    return match.groupdict()


def offer_of(name: str, suffix: str, **stated: Any) -> Offer:
    """Return the offer of a product, of which its name tells a part and the catalogue has stated the rest.

    Raises:
        ValueError: this is not the name of a Level-2A product, or a value is not what it should be.
    """
    parts = name_parts(name)
    return Offer(
        name=name,
        folder=f"{name}{suffix}",
        platform=parts["platform"],
        tile=parts["tile"],
        orbit=int(parts["orbit"]),
        start=datetime.strptime(parts["start"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC),
        generated=parts["discriminator"],
        **stated,
    )


def fits(offer: Offer, query: Query) -> bool:
    """Tell whether an offer meets a query, whatever the catalogue thinks; unknown snow counts as none."""
    day, snow = offer.start.date(), offer.snow or 0.0
    return (
        offer.tile == query.tile
        and query.start <= day <= query.end
        and offer.cloud <= query.max_cloud
        and query.min_snow <= snow <= query.max_snow
    )
