"""Products that the user has: they are found where they are, and nothing is fetched."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from seasonet_build.errors import DataError
from seasonet_build.model.bands import SCL
from seasonet_build.providers.offers import Offer, Query, fits, name_parts
from seasonet_build.sources.container import find_containers
from seasonet_build.sources.products import inspect_product
from seasonet_build.transfer.remote import Body, RemoteFile, TransferError


class FolderSearch:
    """Finds products in folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Remember where to look."""
        self._folders = folders

    def search(self, query: Query) -> Sequence[Offer]:
        """Return what fits a query but for its limits of snow: that is not known without the pixels."""
        any_snow = replace(query, max_snow=100.0, min_snow=0.0)
        return [offer for offer in map(_offer, self._paths(query)) if offer is not None and fits(offer, any_snow)]

    def by_name(self, names: Collection[str]) -> Mapping[str, Offer]:
        """Return what is there of some products."""
        found = (_offer(path) for path in self._all() if _name(path) in names)
        return {offer.name: offer for offer in found if offer is not None}

    def _all(self) -> Iterator[Path]:
        for folder in self._folders:
            if not folder.is_dir():
                raise DataError(f"{folder}: no such folder (products.folders)")
            yield from find_containers(folder)

    def _paths(self, query: Query) -> Iterator[Path]:
        for path in self._all():
            try:
                parts = name_parts(_name(path))
                day = datetime.strptime(parts["start"], "%Y%m%dT%H%M%S").date()
            except ValueError:
                continue
            if parts["tile"] == query.tile and query.start <= day <= query.end:
                yield path


class NoSource:
    """There is nothing to fetch."""

    def open(self, file: RemoteFile, _start: int, _etag: str | None) -> Body:
        """Refuse.

        Raises:
            TransferError: always.
        """
        raise TransferError(f"{file.path} is not in products.folders, and provider 'folder' fetches nothing")


def _name(path: Path) -> str:
    return path.name.removesuffix(".zip").removesuffix(".SAFE").removesuffix(".COG")


def _offer(path: Path) -> Offer | None:
    """Return a product as an offer without files; None: it cannot be used, as a build will say."""
    try:
        # One raster, or each look at a folder would read all of it.
        product = inspect_product(path, (SCL,))
    except DataError:
        return None
    return Offer(
        name=product.name,
        folder=path.name,
        platform=product.platform,
        tile=product.tile,
        orbit=product.orbit,
        start=product.start,
        datastrip=product.datastrip,
        baseline=product.baseline,
        generated=product.discriminator,
        cloud=product.cloud,
    )
