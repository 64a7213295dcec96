"""What is to be fetched, and what can go wrong on the way."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from seasonet_build.errors import DataError, ExitCode, SeasonetError


@dataclass(frozen=True)
class Checksum:
    """A check sum: name of the algorithm for hashlib, value in lower-case hex."""

    algorithm: str
    value: str


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server.

    Attributes:
        path: where it goes, below the folder of all products, with ``/``.
        url: ``s3://bucket/key`` or an HTTP address.
        size: bytes, or None where the catalogue does not say.
        checksum: or None where the catalogue does not say.
    """

    path: str
    url: str
    size: int | None = None
    checksum: Checksum | None = None

    def __post_init__(self) -> None:
        """Refuse paths that lead out of the folder: they come from a server."""
        check_relative(self.path)


def check_relative(path: str) -> None:
    """Check a path that somebody else chose.

    Raises:
        DataError: the path is absolute, leads upwards, or is not in its simplest form.
    """
    parts = PurePosixPath(path).parts
    plain = "/".join(parts) == path and path.isprintable() and "\\" not in path and ":" not in path
    if not parts or not plain or path.startswith("/") or ".." in parts:
        raise DataError(f"{path!r}: the catalogue names a file outside the product's folder; nothing was fetched")


class TransferError(Exception):
    """A transfer failed; the text says why, in one clause. Trying again is of no use."""


class RetryError(TransferError):
    """A transfer failed, and may succeed when tried again; ``after`` is what the server asks to wait, seconds."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        """Say why, and how long to wait."""
        super().__init__(reason)
        self.after = after


class ChangedError(TransferError):
    """The file on the server is not the one of which a part is here: start again from nothing."""


class StoppedError(Exception):
    """Somebody asked the program to stop."""


class CredentialsError(SeasonetError):
    """Credentials are missing, or the server does not take them."""

    exit_code = ExitCode.USAGE


class Body(Protocol):
    """The bytes of an answer, from position ``start`` of the file on.

    ``total`` is the size of the whole file and ``etag`` its version, where the server says.
    """

    start: int
    total: int | None
    etag: str | None

    def read(self) -> bytes:
        """Return the bytes that have come in, a megabyte at most; nothing at the end.

        Raises:
            RetryError: the connection broke or fell silent.
        """

    def close(self) -> None:
        """Give up the connection."""


class Source(Protocol):
    """Opens files of one provider."""

    def open(self, file: RemoteFile, start: int, etag: str | None) -> Body:
        """Ask for a file from a position on, if it still is of a version.

        Raises:
            TransferError: the server refuses, has another version, or asks to try later.
            CredentialsError: it does not know us.
        """
