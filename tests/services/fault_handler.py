"""How the fault proxy answers one request."""

import http.client
import os
import random
import select
import socket
import struct
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from hashlib import md5
from typing import TYPE_CHECKING

from tests.services.fault_plans import Fault, Served
from tests.services.web import Handler

if TYPE_CHECKING:
    from tests.services.faults import FaultProxy

_CHUNK = 1 << 16
# Those that concern one connection only, and what we state ourselves.
_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}
_STATUS = {
    Fault.HTTP_401: 401,
    Fault.HTTP_429: 429,
    Fault.HTTP_429_DATE: 429,
    Fault.HTTP_500: 500,
    Fault.HTTP_503: 503,
}


class _GoneError(Exception):
    """The connection is not to be used any further."""


class FaultHandler(Handler):
    """Passes a request on and its answer back, with the fault that the plan wants."""

    site: "FaultProxy"
    served: Served
    draw: random.Random

    def answer(self) -> None:
        content = self.body()
        request, self.served = self.site.begin(self.command, self.path, self.headers.get("Range"))
        self.draw = random.Random(f"{self.site.seed} {request}")
        try:
            self._answer(self.served.fault, content)
        except (_GoneError, OSError, http.client.HTTPException):  # a fault, or one side went
            self.close_connection = True

    def _answer(self, fault: Fault, content: bytes) -> None:
        if fault is Fault.SILENCE:
            self._wait_for_client_to_go()
        if fault in _STATUS:
            self._refuse(_STATUS[fault], fault)
            return
        other = f'"{md5(self.path.encode(), usedforsecurity=False).hexdigest()}"'
        headers = dict(self.headers.items())
        if fault is Fault.CHANGE_ETAG and "If-Match" in self.headers:
            if self.headers["If-Match"] != other:
                self._start(412, {"ETag": other, "Content-Length": "0"})
                return
            headers = self._without(headers, "if-match")
        if fault is Fault.IGNORE_RANGE:
            headers = self._without(headers, "range")
        upstream = http.client.HTTPConnection(self.site.upstream, timeout=60)
        try:
            self.site.note(self.served, upstream=True)
            # The Host header stays: signatures cover it.
            upstream.request(self.command, self.path, content or None, headers)
            answer = upstream.getresponse()
            self._pass_on(fault, answer, other)
        finally:
            upstream.close()

    def _without(self, headers: dict[str, str], name: str) -> dict[str, str]:
        kept = {key: value for key, value in headers.items() if key.lower() != name}
        url = f"http://{self.headers['Host']}{self.path}"
        return self.site.sign(self.command, url, kept) if self.site.sign else kept

    def _pass_on(self, fault: Fault, answer: http.client.HTTPResponse, other: str) -> None:
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
        if fault is Fault.CHANGE_ETAG:
            headers = [(name, other if name.lower() == "etag" else value) for name, value in headers]
        length = answer.getheader("Content-Length")
        if length is None and self.command != "HEAD" and answer.status not in {204, 304}:
            content = answer.read()
            parts, size = [content], len(content)
            self._start(answer.status, [*headers, ("Content-Length", str(size))])
            self._body(fault, iter(parts).__next__, size)
            return
        self._start(answer.status, [*headers, ("Content-Length", length)] if length is not None else headers)
        if self.command != "HEAD":
            self._body(fault, lambda: answer.read(_CHUNK), int(length or 0))

    def _body(self, fault: Fault, read: Callable[[], bytes], size: int) -> None:
        broken = fault in {Fault.TRUNCATE, Fault.RESET, Fault.STALL} and size > 0
        end = self.draw.randrange(size) if broken else size
        flips = {self.draw.randrange(size) for _ in range(3)} if fault is Fault.WRONG_BYTES and size else set()
        position = 0
        while position < end:
            chunk = bytearray(read()[: end - position])
            if not chunk:
                raise _GoneError  # the server broke off: so do we
            for place in flips:
                if position <= place < position + len(chunk):
                    chunk[place - position] ^= 0xFF
            self._send(bytes(chunk), slow=fault is Fault.DRIP)
            position += len(chunk)
        if fault is Fault.TRUNCATE:
            raise _GoneError
        if fault is Fault.RESET:
            self._reset()
        if fault is Fault.STALL:
            self._wait_for_client_to_go()

    def _send(self, content: bytes, slow: bool) -> None:
        step = self.site.drip_bytes if slow else len(content)
        for start in range(0, len(content), step):
            part = content[start : start + step]
            # Counted first, so that whoever has got everything finds everything in the log.
            before = self.served.body_bytes
            self.site.note(self.served, body_bytes=before + len(part))
            try:
                self.wfile.write(part)
            except OSError:
                self.site.note(self.served, body_bytes=before)
                raise
            if slow and self.listener.stopping.wait(self.site.drip_pause):
                raise _GoneError

    def _start(self, status: int, headers: Mapping[str, str] | list[tuple[str, str]]) -> None:
        self.site.note(self.served, status=status)
        self.send_response_only(status)
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            self.send_header(name, value)
        self.end_headers()

    def _refuse(self, status: int, fault: Fault) -> None:
        headers = {"Content-Type": "text/plain", "Content-Length": "0"}
        after = self.site.retry_after
        if fault in {Fault.HTTP_429, Fault.HTTP_503}:
            headers["Retry-After"] = str(after)
        elif fault is Fault.HTTP_429_DATE:
            headers["Retry-After"] = formatdate(time.time() + after, usegmt=True)
        elif fault is Fault.HTTP_401:
            headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        self._start(status, headers)

    def _wait_for_client_to_go(self) -> None:
        while not self.listener.stopping.is_set():
            if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1, socket.MSG_PEEK):
                break
            time.sleep(0.02)
        raise _GoneError

    def _reset(self) -> None:
        # What was sent is to arrive first: a reset makes the client's system drop what has not been read.
        time.sleep(self.site.reset_pause)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Past the socket's own close, which would wait for the files made of it.
        os.close(self.connection.detach())
        raise _GoneError
