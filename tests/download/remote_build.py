"""A small build whose products are not on disk but with a provider."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bad_input.command_line import Run, command_line
from tests.bad_input.small_build import EPSG, SIZE, TILE, ULX, ULY, SmallBuild, write_inputs
from tests.services.catalogue import cdse_item, collection
from tests.services.odata import ODataServer
from tests.services.s3 import S3Server
from tests.services.safe_facts import Safe
from tests.services.stac import StacServer

READ = ("MTD_MSIL2A.xml", "MTD_TL.xml", "manifest.safe", ".jp2")


@dataclass(frozen=True)
class RemoteBuild:
    """A build in ``local``; what its provider has on offer lies in ``remote``."""

    local: SmallBuild
    remote: Path

    @property
    def offered(self) -> list[Path]:
        return sorted(self.remote.glob("*.SAFE"))

    @property
    def lock(self) -> Path:
        return self.local.workspace / "products.lock"

    def download(self, *args: object) -> Run:
        return command_line().run("download", self.local.config, "--workers", 1, *args, cwd=self.local.folder)

    def configure(self, *lines: str) -> None:
        """Replace the table [download]."""
        text = self.local.config.read_text().partition("[download]")[0]
        self.local.config.write_text("\n".join([text.rstrip(), "[download]", *lines]) + "\n")

    def there(self) -> list[str]:
        return sorted(path.name for path in self.local.products.iterdir() if not path.name.startswith("."))

    def assert_products_are_those_of_the_provider(self, names: Sequence[str]) -> None:
        """All files of the products that are read are there, byte for byte, and nothing else is."""
        assert self.there() == sorted(names)
        for name in names:
            theirs = {p.relative_to(self.remote): p for p in (self.remote / name).rglob("*") if p.is_file()}
            wanted = {inner: p for inner, p in theirs.items() if _is_read(inner)}
            ours = {p.relative_to(self.local.products) for p in (self.local.products / name).rglob("*") if p.is_file()}
            assert ours == set(wanted)
            assert all((self.local.products / inner).read_bytes() == p.read_bytes() for inner, p in wanted.items())


def _is_read(inner: Path) -> bool:
    return inner.name.endswith(READ) and inner.parts[1] != "DATASTRIP"


def make_remote_build(folder: Path) -> RemoteBuild:
    """Write the inputs of the small build, its products in a folder apart."""
    local = SmallBuild(folder / "local")
    write_inputs(local.folder)
    local.products.rename(folder / "remote")
    local.products.mkdir()
    (local.folder / "tiles.csv").write_text(f"tile,epsg,ulx,uly,size_m\n{TILE},{EPSG},{ULX},{ULY},{SIZE}\n")
    local.edit_config('tiles = ["32UNA"]', 'tiles = ["32UNA"]\ntile_table = "tiles.csv"')
    return RemoteBuild(local, folder / "remote")


def offer_by_s3(build: RemoteBuild, stac: StacServer, s3: S3Server, s3_url: str | None = None) -> None:
    """Put the products into S3 and the catalogue, and the addresses into the configuration."""
    stac.load(collection(), [cdse_item(product) for product in build.offered])
    for product in build.offered:
        s3.put_product(product)
    build.configure(f'url = "{stac.url}"', f'endpoint = "{s3_url or s3.url}"', "timeout_s = 3", "attempts = 4")


def offer_by_https(build: RemoteBuild, stac: StacServer, odata: ODataServer, files_url: str) -> None:
    """Put the products on the file server, ``files_url`` into the catalogue, and both into the configuration."""
    stac.load(collection(), [cdse_item(product, files_url) for product in build.offered])
    for product in build.offered:
        odata.add_product(Safe(product).uuid, product)
    addresses = f'url = "{stac.url}"', f'token_url = "{odata.token_url}"'
    build.configure(*addresses, 'protocol = "https"', "timeout_s = 3", "attempts = 4")


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set variables for the commands that are run."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
