"""What can go wrong with an answer, and plans of what goes wrong when."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What the proxy does to an answer."""

    NONE = "none"
    TRUNCATE = "truncate"  # fewer bytes than Content-Length says, then the end of the connection
    RESET = "reset"  # some bytes, then a reset of the connection
    STALL = "stall"  # some bytes, then silence until the client goes
    SILENCE = "silence"  # not even a status line, until the client goes
    DRIP = "drip"  # a few bytes a second
    HTTP_401 = "http_401"
    HTTP_429 = "http_429"  # Retry-After in seconds
    HTTP_429_DATE = "http_429_date"  # Retry-After as a date
    HTTP_500 = "http_500"
    HTTP_503 = "http_503"
    IGNORE_RANGE = "ignore_range"  # 200 and everything, to a request for a range
    WRONG_BYTES = "wrong_bytes"  # as many bytes as there should be, some of them others
    CHANGE_ETAG = "change_etag"  # the file is another one: another ETag, 412 to If-Match with the former


@dataclass(frozen=True)
class Request:
    """A request as plans see it; ``nth`` counts from 1 the requests of this method for this path.

    ``path`` is as sent, with any query.
    """

    method: str
    path: str
    range: str | None
    nth: int


Plan = Callable[[Request], Fault]


@dataclass
class Served:
    """What came of a request.

    ``status`` is None where no status line was sent, ``body_bytes`` counts the bytes of the body that were sent, and
    ``upstream`` tells whether the server behind the proxy saw the request.
    """

    request: Request
    fault: Fault
    status: int | None = None
    body_bytes: int = 0
    upstream: bool = False

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def range(self) -> str | None:
        return self.request.range

    @property
    def nth(self) -> int:
        return self.request.nth


def none(request: Request) -> Fault:
    """No faults."""
    return Fault.NONE


def sequence(*faults: Fault, path: str = "", method: str | None = None) -> Plan:
    """The first requests for each path go wrong in this order, all later ones well.

    ``path`` is a regular expression that the path holds somewhere, ``method`` the only method to go wrong.
    """

    def plan(request: Request) -> Fault:
        if not re.search(path, request.path) or request.method != (method or request.method):
            return Fault.NONE
        return faults[request.nth - 1] if request.nth <= len(faults) else Fault.NONE

    return plan


def always(fault: Fault, path: str = "") -> Plan:
    """Every request for a path that matches goes wrong in this way."""
    return lambda request: fault if re.search(path, request.path) else Fault.NONE


def seeded(seed: int, weights: Mapping[Fault, float], at_most: int | None = None, path: str = "") -> Plan:
    """Draw a fault for each request by weight, from nothing but the seed, the method, the path and ``nth``.

    So the order in which threads ask for different files changes nothing. From request ``at_most`` + 1 of a path on
    all goes well.
    """
    faults, shares = list(weights), list(weights.values())

    def plan(request: Request) -> Fault:
        if not re.search(path, request.path) or (at_most is not None and request.nth > at_most):
            return Fault.NONE
        draw = random.Random(f"{seed} {request.method} {request.path} {request.nth}")
        return draw.choices(faults, shares)[0]

    return plan
