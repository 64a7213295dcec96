"""A server of files on loopback that is no slower than those who fetch from it: the kernel sends them (sendfile).

It also answers as a STAC catalogue does that has the items in ``search.json``.

    python -m benchmarks.fileserver FOLDER     prints its port
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

ITEMS = "search.json"
_RANGE = re.compile(r"bytes=(\d+)-")
_CONFORMS = ("core", "item-search", "ogcapi-features")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder = Path()

    def do_GET(self) -> None:
        """Send a file, from a position on if asked to, or the front page of the catalogue."""
        if self.path == "/":
            self._send_json(self._front_page())
            return
        path = self.folder / unquote(self.path).lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        size, asked = path.stat().st_size, _RANGE.fullmatch(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(size - start))
        self.send_header("ETag", f'"{size}"')
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        with path.open("rb") as file:
            self.connection.sendfile(file, start)

    def do_POST(self) -> None:
        """Send all items."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send_json(json.loads((self.folder / ITEMS).read_text(encoding="utf-8")))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _front_page(self) -> dict[str, object]:
        base = f"http://{self.headers.get('Host')}"
        search = {"rel": "search", "href": f"{base}/search", "type": "application/geo+json", "method": "POST"}
        return {
            **{"type": "Catalog", "id": "bench", "stac_version": "1.0.0", "description": "-"},
            "links": [{"rel": "self", "href": f"{base}/"}, {"rel": "root", "href": f"{base}/"}, search],
            "conformsTo": [f"https://api.stacspec.org/v1.0.0/{name}" for name in _CONFORMS],
        }

    def _send_json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder in a process of its own; give the address."""
    command = [sys.executable, "-m", "benchmarks.fileserver", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def main() -> None:
    """Serve until the process is ended."""
    _Handler.folder = Path(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
