"""A STAC API: stac-fastapi on PostgreSQL, as operators of real catalogues run it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.services.postgres import postgres
from tests.services.process import ServerProcess, free_port

_TIMEOUT_S = 60


class StacServer:
    """A running API at ``url``, such as ``http://127.0.0.1:8081``."""

    def __init__(self, url: str) -> None:
        self.url = url

    def load(self, collection: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> None:
        """Put a collection and items of it there; those that are there already are replaced."""
        name = collection["id"]
        answer = requests.post(f"{self.url}/collections", json=collection, timeout=_TIMEOUT_S)
        if answer.status_code == requests.codes.conflict:
            answer = requests.put(f"{self.url}/collections/{name}", json=collection, timeout=_TIMEOUT_S)
        _check(answer)
        # Items are held apart by their ids; some real ones do not name their collection.
        batch = {item["id"]: {**item, "collection": name} for item in items}
        if batch:
            body = {"items": batch, "method": "upsert"}
            _check(requests.post(f"{self.url}/collections/{name}/bulk_items", json=body, timeout=_TIMEOUT_S))

    def clear(self) -> None:
        """Remove all collections and their items."""
        answer = requests.get(f"{self.url}/collections", params={"limit": 1000}, timeout=_TIMEOUT_S)
        _check(answer)
        for collection in answer.json()["collections"]:
            _check(requests.delete(f"{self.url}/collections/{collection['id']}", timeout=_TIMEOUT_S))


@contextmanager
def stac_server(services: Path) -> Iterator[StacServer]:
    """Run an empty API; ``services`` is the folder of scripts/test-services.sh."""
    with postgres(services) as database:
        port = free_port()
        application = ["--factory", "stac_fastapi.pgstac.app:create_app"]
        command = [services / "bin" / "uvicorn", *application, "--host", "127.0.0.1", "--port", port]
        environment = {**database.environment, "ENABLE_TRANSACTIONS_EXTENSIONS": "TRUE"}
        log = database.folder / "stac.log"
        server = StacServer(f"http://127.0.0.1:{port}")
        with ServerProcess([*command, "--log-level", "warning"], log, environment) as process:
            process.wait_until(lambda: requests.get(f"{server.url}/_mgmt/ping", timeout=5).ok)
            yield server


def _check(answer: requests.Response) -> None:
    assert answer.ok, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:1000]}"
