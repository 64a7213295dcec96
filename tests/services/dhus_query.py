"""The search language of a DHuS, as far as clients for Sentinel-2 use it."""

import re
from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from shapely import from_wkt

_TERM = re.compile(r'(?:AND\s+)?(\w+):(\[[^\]]*\]|"[^"]*"|[^\s"\[]+)\s*', re.IGNORECASE)
_AREA = re.compile(r"(Intersects|Contains|IsWithin)\((.*)\)", re.IGNORECASE | re.DOTALL)


class QueryError(ValueError):
    """A query that cannot be read."""


def matches(query: str, facts: Mapping[str, Any]) -> bool:
    """Tell whether a product fits; ``facts`` has its texts, numbers and times under lower-case names.

    Raises:
        QueryError: the query has another form, or asks for something that products here do not have.
    """
    position = 0
    query = query.strip()
    fits = True
    while query != "*" and position < len(query):
        term = _TERM.match(query, position)
        if term is None:
            raise QueryError(f"org.apache.solr.search.SyntaxError: Cannot parse '{query[position:]}'")
        name, value = term[1].lower(), term[2]
        if name not in facts:
            raise QueryError(f"undefined field {term[1]}")
        fits = _fits(name, value, facts[name]) and fits
        position = term.end()
    return fits


def _fits(name: str, value: str, fact: Any) -> bool:
    if name == "footprint":
        area = _AREA.fullmatch(value.strip('"'))
        if area is None:
            raise QueryError(f"no area: {value}")
        relation = {"intersects": "intersects", "contains": "contains", "iswithin": "within"}[area[1].lower()]
        return bool(getattr(from_wkt(fact), relation)(from_wkt(area[2])))
    if value.startswith("["):
        low, _, high = value[1:-1].partition(" TO ")
        return _bound(low, fact, -1) and _bound(high, fact, 1)
    return fnmatchcase(str(fact).lower(), value.strip('"').lower())


def _bound(text: str, fact: Any, side: int) -> bool:
    text = text.strip(' "')
    if text == "*":
        return True
    try:
        bound = datetime.fromisoformat(text) if isinstance(fact, datetime) else type(fact)(text)
    except ValueError as error:
        raise QueryError(str(error)) from None
    return bool(bound <= fact if side < 0 else fact <= bound)
