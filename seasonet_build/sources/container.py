"""The files of a product: a ``.SAFE`` folder, a ``.zip`` archive of one that is read without unpacking, or ``.COG``."""

import os
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from seasonet_build.errors import DataError, ProductError
from seasonet_build.model.products import PRODUCT_NAME
from seasonet_build.sources.archive import PRODUCT, Archive

COG_SUFFIX = ".COG"
"""Ends the name of a folder with the Cloud-Optimised GeoTIFFs of a product and the catalogue's item of it."""

_MAX_SHOWN = 100

BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error, ValueError)
"""What is raised for archives that are damaged, not to be trusted, or of a kind that zipfile does not know."""


class Container(ABC):
    """Read access to the files of one product by their path inside its folder."""

    def __init__(self, path: Path) -> None:
        """Remember where the product is."""
        self.path = path

    @abstractmethod
    def names(self) -> list[str]:
        """Return the paths of all files inside the product's folder, sorted, with ``/``."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Open a file for reading; the stream can seek."""

    @abstractmethod
    def size(self, name: str) -> int:
        """Return the size of a file in bytes, uncompressed."""

    @abstractmethod
    def gdal_path(self, name: str) -> str:
        """Return the path by which GDAL opens a file."""

    @abstractmethod
    def signature(self) -> str:
        """Return a text that changes when a file is replaced: sizes and times, no content."""


class ProductFolder(Container):
    """A product that lies open in a ``.SAFE`` or ``.COG`` folder."""

    def names(self) -> list[str]:
        """Return the paths of all files inside the folder, sorted."""
        return sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file())

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        return (self.path / name).open("rb")

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""
        return (self.path / name).stat().st_size

    def gdal_path(self, name: str) -> str:
        """Return the file's own path."""
        return str(self.path / name)

    def signature(self) -> str:
        """Return sizes and modification times of all files."""
        stats = ((name, (self.path / name).stat()) for name in self.names())
        return "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)


class SafeArchive(Container):
    """A product in a ``.zip`` archive."""

    def __init__(self, path: Path) -> None:
        """Open the archive and read its table of contents.

        Raises:
            ProductError: the archive is truncated, not to be trusted, or holds no single ``.SAFE`` folder.
        """
        super().__init__(path)
        try:
            self._archive = Archive(path, PRODUCT)
        except (*BROKEN_ARCHIVE, OSError) as error:
            raise ProductError(path.name, f"the archive cannot be read ({error}); fetch it again") from None
        members = self._archive.names()
        roots = {PurePosixPath(member).parts[0] for member in members}
        if len(roots) != 1 or not next(iter(roots)).endswith(".SAFE") or not all("/" in member for member in members):
            raise ProductError(path.name, "the archive does not hold one .SAFE folder and nothing else")
        self.root = roots.pop()

    def names(self) -> list[str]:
        """Return the paths of all members below the ``.SAFE`` folder, sorted."""
        return [member.removeprefix(f"{self.root}/") for member in self._archive.names()]

    def open(self, name: str) -> BinaryIO:
        """Open a member; reading it fails where it does not hold what the table of contents declares."""
        return self._archive.open(f"{self.root}/{name}")

    def size(self, name: str) -> int:
        """Return the uncompressed size of a member in bytes."""
        return self._archive.size(f"{self.root}/{name}")

    def gdal_path(self, name: str) -> str:
        """Return the path for GDAL's zip file system."""
        return f"/vsizip/{self.path}/{self.root}/{name}"

    def signature(self) -> str:
        """Return size and modification time of the archive."""
        stat = self.path.stat()
        return f"{self.path.name} {stat.st_size} {stat.st_mtime_ns}"


def open_container(path: Path) -> Container:
    """Return access to the product at ``path``.

    The names of records and messages are made of its name, so that has to be one of a product.

    Raises:
        ProductError: the path is not named like a product, or an archive cannot be read.
    """
    shown = ascii(path.name)[1:-1][:_MAX_SHOWN]
    if PRODUCT_NAME.fullmatch(path.name) is None or not path.name.isascii():
        raise ProductError(shown, "is not named like a Sentinel-2 Level-2A product")
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise ProductError(shown, f"lies in {os.fspath(path.parent)!a}, which is no text; rename it") from None
    return SafeArchive(path) if path.suffix == ".zip" else ProductFolder(path)


def _refuse(error: OSError) -> None:
    # A folder that cannot be listed must not look like one without products: their patches would be removed.
    if isinstance(error, FileNotFoundError):  # a download has just moved it
        return
    raise DataError(f"{error.filename}: cannot be listed: {error.strerror}; run again once that is mended")


def find_containers(folder: Path) -> list[Path]:
    """Return all ``.SAFE`` and ``.COG`` folders and ``.zip`` archives at any depth below ``folder``, sorted.

    Hidden folders are left out: a download keeps in one what is not complete.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        products = [name for name in folders if name.endswith((".SAFE", COG_SUFFIX))]
        folders[:] = [name for name in folders if name not in products and not name.startswith(".")]
        found += [Path(parent, name) for name in products + [f for f in files if f.endswith(".zip")]]
    return sorted(found)
