"""The file server of the Copernicus Data Space, its token endpoint, and public files beside them."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.services import tokens
from tests.services.web import Handler, Site

_VALUE = re.compile(r"/odata/v1/Products\(([^()]*)\)((?:/Nodes\([^()]*\))*)/\$value")
_NODE = re.compile(r"/Nodes\(([^()]*)\)")


class _Handler(Handler):
    site: "ODataServer"

    def answer(self) -> None:
        if self.command == "POST":
            self._token()
        else:
            self._file()

    def _file(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path in self.site.public:
            self.send_file(self.site.public[path], ranges=self.site.public_ranges)
            return
        asked = _VALUE.fullmatch(path)
        if asked is None:
            self.send_json(404, {"detail": "Not Found"})
        elif not self.site.tokens.accepts(self.headers.get("Authorization")):
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            self.send_json(401, {"detail": "Unauthorized"}, challenge)
        else:
            file = self.site.find(asked[1], _NODE.findall(asked[2]))
            if file is None:
                self.send_json(404, {"detail": "Product or node not found"})
            else:
                self.send_file(file, {"Content-Disposition": f'attachment; filename="{file.name}"'})

    def _token(self) -> None:
        form = dict(parse_qsl(self.body().decode()))
        if urlsplit(self.path).path == tokens.PATH:
            self.send_json(*self.site.tokens.answer(form), {"Cache-Control": "no-store"})
        else:
            self.send_json(404, {"detail": "Not Found"})


class ODataServer(Site):
    """Products' files for holders of a token, and files under ``/public/`` for everyone.

    ``tokens.life`` sets how long the next tokens live, ``tokens.given`` counts them. ``public_ranges`` is the switch
    for servers that do not know of ranges. Real items have addresses with an empty node, ``/Nodes()``; such a node is
    taken for no node if ``empty_nodes`` is set, and not found otherwise: what the real server does is not known.
    """

    user, password = "user@example.org", "correct horse"

    def __init__(self) -> None:
        self.tokens = tokens.Tokens(self.user, self.password)
        self.public: dict[str, Path] = {}
        self.public_ranges = True
        self.empty_nodes = False
        self._products: dict[str, tuple[Path, Path | None]] = {}
        super().__init__(_Handler)

    @property
    def token_url(self) -> str:
        return self.url + tokens.PATH

    def add_product(self, uuid: str, folder: Path, archive: Path | None = None) -> None:
        """Offer a ``.SAFE`` folder's files as nodes, and the archive, if any, as the product's own value."""
        self._products[uuid] = folder, archive

    def add_public(self, name: str, file: Path) -> str:
        """Offer a file as ``/public/<name>`` and return its address."""
        self.public[f"/public/{name}"] = file
        return f"{self.url}/public/{name}"

    def expire_tokens(self, refresh: bool = False) -> None:
        """Let all access tokens given so far be void, and the refresh tokens too if asked."""
        self.tokens.expire(refresh)

    def find(self, uuid: str, nodes: list[str]) -> Path | None:
        """Return the file that an address means."""
        if uuid not in self._products:
            return None
        folder, archive = self._products[uuid]
        if not nodes:
            return archive
        if self.empty_nodes:
            nodes = [node for node in nodes if node]
        if nodes[0] != folder.name or not all(nodes) or any("/" in node or node == ".." for node in nodes):
            return None
        file = folder.joinpath(*nodes[1:])
        return file if file.is_file() else None
