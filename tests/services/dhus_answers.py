"""The JSON in which a DHuS describes products."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from shapely import from_wkt


@dataclass
class Product:
    """One product; set ``online`` to False to send it to the archive."""

    uuid: str
    archive: Path
    md5: str
    facts: Mapping[str, Any]
    online: bool = True


def entry(product: Product, url: str) -> dict[str, Any]:
    """A search result: its properties are grouped by their type."""
    facts = dict(product.facts)
    value = f"{url}/odata/v1/Products('{product.uuid}')"
    groups: dict[str, list[dict[str, str]]] = {}
    for name, fact in facts.items():
        kind = {datetime: "date", int: "int", float: "double"}.get(type(fact), "str")
        text = _iso(fact) if isinstance(fact, datetime) else str(fact)
        groups.setdefault(kind, []).append({"name": name, "content": text})
    groups["str"].append({"name": "uuid", "content": product.uuid})
    links = [{"href": f"{value}/$value"}, {"rel": "alternative", "href": f"{value}/"}]
    summary = f"Date: {_iso(facts['beginposition'])}, Size: {facts['size']}"
    # What stands alone in its group is no list either.
    plain = {kind: group[0] if len(group) == 1 else group for kind, group in groups.items()}
    return {"title": facts["identifier"], "link": links, "id": product.uuid, "summary": summary, **plain}


def odata(product: Product, url: str) -> dict[str, Any]:
    """A product as the OData service describes it."""
    value = f"{url}/odata/v1/Products('{product.uuid}')"
    begin, made = _millis(product.facts["beginposition"]), _millis(product.facts["ingestiondate"])
    ring = from_wkt(product.facts["footprint"]).exterior.coords
    gml = (
        '<gml:Polygon srsName="http://www.opengis.net/gml/srs/epsg.xml#4326" xmlns:gml="http://www.opengis.net/gml">'
        "<gml:outerBoundaryIs><gml:LinearRing><gml:coordinates>"
        f"{' '.join(f'{latitude},{longitude}' for longitude, latitude in ring)}"
        "</gml:coordinates></gml:LinearRing></gml:outerBoundaryIs></gml:Polygon>"
    )
    return {
        "__metadata": {"id": value, "uri": value, "type": "DHuS.Product", "media_src": f"{value}/$value"},
        "Id": product.uuid,
        "Name": product.facts["identifier"],
        "ContentType": "application/octet-stream",
        "ContentLength": str(product.archive.stat().st_size),
        "CreationDate": made,
        "IngestionDate": made,
        "EvictionDate": None,
        "Online": product.online,
        "ContentDate": {"__metadata": {"type": "DHuS.TimeRange"}, "Start": begin, "End": begin},
        "Checksum": {"__metadata": {"type": "DHuS.Checksum"}, "Algorithm": "MD5", "Value": product.md5},
        "ContentGeometry": gml,
        "Attributes": {"__deferred": {"uri": f"{value}/Attributes"}},
    }


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _millis(moment: datetime) -> str:
    return f"/Date({round(moment.timestamp() * 1000)})/"
