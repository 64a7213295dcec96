"""Asking a STAC catalogue."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import requests
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from urllib3.util.retry import Retry

from seasonet_build.providers.offers import Query, SearchError

PAGE = 100
_IDS_AT_ONCE = 50
_TRIES = 6


class Catalogue:
    """One collection of a STAC API."""

    def __init__(self, url: str, collection: str, timeout_s: float) -> None:
        """Remember where it is; it is first asked when something is searched for."""
        self.url, self._collection, self._timeout = url.rstrip("/"), collection, timeout_s
        self._client: Client | None = None

    def find(self, query: Query, args: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the items of a query's days that meet all of some CQL2 conditions, sorted by id.

        Raises:
            SearchError: the catalogue cannot be reached or answers nonsense.
        """
        return self._search(
            datetime=f"{query.start}T00:00:00Z/{query.end}T23:59:59.999Z",
            filter={"op": "and", "args": list(args)},
            filter_lang="cql2-json",
        )

    def by_id(self, ids: Collection[str]) -> list[dict[str, Any]]:
        """Return the items of some ids, so far as they are there, sorted by id.

        Raises:
            SearchError: the catalogue cannot be reached or answers nonsense.
        """
        ordered, found = sorted(ids), []
        for start in range(0, len(ordered), _IDS_AT_ONCE):
            found += self._search(ids=ordered[start : start + _IDS_AT_ONCE])
        return found

    def _search(self, **arguments: Any) -> list[dict[str, Any]]:
        try:
            items = {str(item["id"]): item for item in self._pages(arguments)}
        except (APIError, requests.RequestException, json.JSONDecodeError) as error:
            raise SearchError(f"{self.url}: the catalogue cannot be asked: {_plain(error)}") from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SearchError(f"{self.url}: the answer is not that of a STAC catalogue ({error!r})") from None
        return [items[name] for name in sorted(items)]

    def _pages(self, arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if self._client is None:
            self._client = Client.open(self.url, stac_io=StacApiIO(max_retries=_retries(), timeout=self._timeout))
        search = self._client.search(collections=[self._collection], limit=PAGE, max_items=None, **arguments)
        yield from search.items_as_dicts()


def condition(op: str, name: str, value: Any) -> dict[str, Any]:
    """Return a CQL2 comparison of a property."""
    return {"op": op, "args": [{"property": name}, value]}


def _retries() -> Retry:
    # pystac-client's own default does not try a POST again, so that the first 429 would end the search.
    return Retry(
        total=_TRIES,
        connect=3,
        backoff_factor=0.5,
        status_forcelist=[408, 429, 500, 502, 503, 504],
        allowed_methods=None,
        respect_retry_after_header=True,
        raise_on_status=False,
    )


def _plain(error: BaseException) -> str:
    # pystac-client wraps what requests says into an error of its own.
    inner = error.__cause__ or error.__context__ or error
    if isinstance(inner, requests.exceptions.RetryError):
        return "it keeps answering with errors"
    if isinstance(inner, requests.Timeout):
        return "it does not answer"
    if isinstance(inner, requests.ConnectionError):
        return "it cannot be reached"
    return " ".join(str(error).split())[:200]
