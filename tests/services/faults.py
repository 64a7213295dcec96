"""A proxy before an HTTP server that passes on what it gets, but for planned faults."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tests.services.fault_handler import FaultHandler
from tests.services.fault_plans import Fault, Plan, Request, Served, always, none, seeded, sequence
from tests.services.web import Site

__all__ = ["Fault", "FaultProxy", "Plan", "Request", "Served", "always", "none", "seeded", "sequence"]

Signer = Callable[[str, str, Mapping[str, str]], dict[str, str]]


class FaultProxy(Site):
    """Stands before ``upstream``, a URL without a path; ``url`` is where clients go instead.

    ``plan`` can be replaced at any time. ``sign`` signs requests anew from method, URL and headers: needed where a
    fault leaves out headers that a signature covers (IGNORE_RANGE, CHANGE_ETAG before S3).
    """

    drip_bytes = 4
    drip_pause = 1.0
    """Seconds between two drips."""
    retry_after = 1
    """Seconds that Retry-After asks for."""
    reset_pause = 0.05
    """Seconds that the bytes before a reset have to arrive."""

    def __init__(self, upstream: str, plan: Plan = none, seed: int = 0, sign: Signer | None = None) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.plan, self.seed, self.sign = plan, seed, sign
        self._log: list[Served] = []
        self._seen: Counter[tuple[str, str]] = Counter()
        super().__init__(FaultHandler)

    @property
    def log(self) -> list[Served]:
        """What has come of each request so far, in the order in which they arrived."""
        with self.lock:
            return [replace(served) for served in self._log]

    def clear(self) -> None:
        """Forget the log, and count requests from 1 again."""
        with self.lock:
            self._log.clear()
            self._seen.clear()

    def body_bytes(self, path: str = "") -> int:
        """The bytes sent in bodies of answers for paths that hold this text."""
        return sum(served.body_bytes for served in self.log if path in served.path)

    def begin(self, method: str, path: str, range_: str | None) -> tuple[Request, Served]:
        """Count and log a request; for the handler."""
        with self.lock:
            self._seen[method, path] += 1
            request = Request(method, path, range_, self._seen[method, path])
            served = Served(request, self.plan(request))
            self._log.append(served)
            return request, served

    def note(self, served: Served, **changes: Any) -> None:
        """Bring the log up to date; for the handler."""
        with self.lock:
            for name, value in changes.items():
                setattr(served, name, value)
