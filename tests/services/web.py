"""An HTTP/1.1 server in threads of this process, and the sending of files as good servers do it."""

import contextlib
import json
import re
import socket
import sys
import threading
from collections.abc import Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, cast

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CHUNK = 1 << 16


class Listener(ThreadingHTTPServer):
    """Knows its open connections, as clients may keep them for long after their last answer."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler], site: Any) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.site = site
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that go in the middle of an answer are nothing to report; faults of ours are.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # closed meanwhile
                connection.shutdown(socket.SHUT_RDWR)


class Site:
    """A server that runs from its making until ``stop``; ``url`` has no slash at its end."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.lock = threading.RLock()  # plans may look at the log
        self._listener = Listener(handler, self)
        self.url = f"http://127.0.0.1:{self._listener.server_address[1]}"
        threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._listener.stop()


class Handler(BaseHTTPRequestHandler):
    """Answers requests of any method with ``answer``; ``site`` is the object that the test holds."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each small answer waits for the client's delayed acknowledgement
    timeout = 120

    @property
    def listener(self) -> Listener:
        return cast(Listener, self.server)

    @property
    def site(self) -> Any:
        return self.listener.site

    def answer(self) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        # The base class asks for do_GET and the like.
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests' output is no place for access logs."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send_bytes(self, status: int, content: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_json(self, status: int, content: Any, headers: Mapping[str, str] | None = None) -> None:
        self.send_bytes(status, json.dumps(content).encode(), "application/json", headers)

    def send_file(self, path: Path, headers: Mapping[str, str] | None = None, ranges: bool = True) -> None:
        """Send a file, or the part of it that the request names, if it is still the one that the request means."""
        with path.open("rb") as file:
            size = file.seek(0, 2)
            changed = path.stat().st_mtime_ns
            etag = f'"{size:x}-{changed:x}"'
            common = {"ETag": etag, "Last-Modified": formatdate(changed // 10**9, usegmt=True), **(headers or {})}
            if ranges:
                common["Accept-Ranges"] = "bytes"
            wanted = self.headers.get("If-Match")
            if wanted is not None and wanted != "*" and etag not in re.split(r"\s*,\s*", wanted):
                self.send_json(412, {"detail": "the file is another one"}, common)
                return
            status, first, count = self._part(size, etag) if ranges else (200, 0, size)
            if status == 416:
                self.send_json(416, {"detail": "no such range"}, {**common, "Content-Range": f"bytes */{size}"})
                return
            self.send_response(status)
            if status == 206:
                common["Content-Range"] = f"bytes {first}-{first + count - 1}/{size}"
            for name, value in {"Content-Type": "application/octet-stream", "Content-Length": count, **common}.items():
                self.send_header(name, str(value))
            self.end_headers()
            if self.command == "HEAD":
                return
            file.seek(first)
            while count > 0:
                chunk = file.read(min(_CHUNK, count))
                if not chunk:  # the file became shorter: the client is to see it as a broken connection
                    self.close_connection = True
                    return
                self.wfile.write(chunk)
                count -= len(chunk)

    def _part(self, size: int, etag: str) -> tuple[int, int, int]:
        """Status, first byte and count; what is no single range is answered with the whole file, as is usual."""
        asked = _RANGE.fullmatch(self.headers.get("Range", "").replace(" ", ""))
        condition = self.headers.get("If-Range")
        if asked is None or not (asked[1] or asked[2]) or (condition is not None and condition != etag):
            return 200, 0, size
        if asked[1]:
            first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
        else:
            first, last = max(size - int(asked[2]), 0), size - 1
        return (206, first, last - first + 1) if first <= last else (416, 0, 0)
