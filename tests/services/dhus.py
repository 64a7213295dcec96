"""A DHuS, such as national mirrors ran: search and download of zipped products, for users with a password."""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from shapely.geometry import shape

from tests.services.dhus_answers import Product, entry, odata
from tests.services.dhus_query import QueryError, matches
from tests.services.web import Handler, Site

_PRODUCT = re.compile(r"/odata/v1/Products\('([^']*)'\)(.*)")


class _Handler(Handler):
    site: "DhusServer"

    def answer(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        product = _PRODUCT.fullmatch(path)
        if self.headers.get("Authorization") != self.site.authorization:
            self.send_bytes(401, b"Unauthorized", "text/html", {"WWW-Authenticate": 'Basic realm="dhus"'})
        elif path == "/search":
            # The address is Latin-1, as the real servers take it.
            self._search({name: values[0] for name, values in parse_qs(url.query, encoding="latin1").items()})
        elif path == "/api/stub/version":
            self.send_json(200, {"value": "2.4.1"})
        elif product and product[1] in self.site.products:
            self._product(self.site.products[product[1]], product[2])
        elif product:
            message = f"Invalid key ({product[1]}) to access Products"
            self.send_json(404, {"error": {"code": None, "message": {"lang": "en", "value": message}}})
        else:
            self.send_bytes(404, b"Not Found", "text/html")

    def _search(self, asked: Mapping[str, str]) -> None:
        rows, start = min(int(asked.get("rows", 10)), 100), int(asked.get("start", 0))
        try:
            found = [p for p in self.site.products.values() if matches(asked.get("q", "*"), p.facts)]
        except QueryError as error:
            self.send_json(200, {"feed": {"error": {"code": "500", "message": str(error)}}})
            return
        key, _, order = asked.get("orderby", "beginposition desc").partition(" ")
        found.sort(key=lambda p: p.facts.get(key.lower(), p.uuid), reverse=order != "asc")
        page = [entry(product, self.site.url) for product in found[start : start + rows]]
        feed: dict[str, Any] = {
            "opensearch:totalResults": str(len(found)),
            "opensearch:startIndex": str(start),
            "opensearch:itemsPerPage": str(rows),
        }
        if page:
            # The real servers' JSON is made from XML: one entry is no list, and of none there is no word.
            feed["entry"] = page[0] if len(page) == 1 else page
        self.send_json(200, {"feed": feed})

    def _product(self, product: Product, part: str) -> None:
        if part == "":
            self.send_json(200, {"d": odata(product, self.site.url)})
        elif part == "/Online/$value":
            self.send_json(200, product.online)
        elif part == "/Attributes('Filename')/Value/$value":
            self.send_bytes(200, product.facts["filename"].encode(), "text/plain")
        elif part != "/$value":
            self.send_bytes(404, b"Not Found", "text/html")
        elif not product.online:
            self.site.wanted.append(product.uuid)
            self.send_bytes(202, b"", "application/octet-stream", {"cause-message": "offline, retrieval initiated"})
        else:
            name = f"{product.facts['identifier']}.zip"
            self.send_file(product.archive, {"Content-Disposition": f'attachment; filename="{name}"'})


class DhusServer(Site):
    """A server at ``url`` with the products of ``add``; ``wanted`` lists those asked for while not online."""

    user, password = "reader", "secret:with colon"

    def __init__(self) -> None:
        self.products: dict[str, Product] = {}
        self.wanted: list[str] = []
        self.authorization = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        super().__init__(_Handler)

    def add(self, uuid: str, item: Mapping[str, Any], archive: Path) -> Product:
        """Offer a zipped product, described by the STAC item of ``tests.services.catalogue``."""
        with archive.open("rb") as stream:
            md5 = hashlib.file_digest(stream, "md5").hexdigest()
        properties = item["properties"]
        begin = datetime.fromisoformat(properties["datetime"])
        facts = {
            "identifier": item["id"],
            "filename": f"{item['id']}.SAFE",
            "platformname": "Sentinel-2",
            "producttype": properties["product:type"],
            "processinglevel": "Level-2A",
            "processingbaseline": properties["processing:version"],
            "tileid": properties["grid:code"].removeprefix("MGRS-"),
            "relativeorbitnumber": properties["sat:relative_orbit"],
            "cloudcoverpercentage": float(properties["eo:cloud_cover"]),
            "snowicepercentage": float(properties["eo:snow_cover"]),
            "beginposition": begin,
            "endposition": begin,
            "ingestiondate": datetime.fromisoformat(properties["processing:datetime"]),
            "footprint": shape(item["geometry"]).wkt,
            "size": f"{archive.stat().st_size / 2**20:.2f} MB",
        }
        product = Product(uuid, archive, md5, facts)
        self.products[uuid] = product
        return product
