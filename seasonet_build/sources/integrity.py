"""Does a file hold what its product's manifest.safe says, and does it look like compressed data throughout?"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from seasonet_build.sources.metadata import parse_xml

MANIFEST = "manifest.safe"

ZERO_RUN = 1024
"""So many zero bytes in a row do not occur in a whole JPEG 2000 file: the longest seen is 11 bytes in files from ESA
and 350 in synthetic ones with half of a tile empty. They are what is left where a write got lost."""

_ALGORITHMS = {"md5": "md5", "sha3-256": "sha3_256", "sha-256": "sha256"}
_INSIDE_PRODUCT = re.compile(r"(?:GRANULE|DATASTRIP|HTML|rep_info)/.*|[^/]+$")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Listed:
    """What a manifest says of a file: size in bytes, name of the algorithm for hashlib (or None), checksum in hex."""

    size: int
    algorithm: str | None
    checksum: str


@dataclass(frozen=True)
class Scan:
    """What reading a file through shows: SHA-256 and the manifest's checksum, in hex, and whether zeros run long."""

    sha256: str
    checksum: str
    has_zero_run: bool


def read_manifest(stream: BinaryIO) -> dict[str, Listed]:
    """Return what ``manifest.safe`` lists, by path inside the product.

    Some producers list absolute paths of their own machine, or leave out the leading ``./``: a path counts from
    ``GRANULE/`` and the like on.

    Raises:
        MetadataError: the manifest is damaged.
    """
    root = parse_xml(stream, MANIFEST)
    listed: dict[str, Listed] = {}
    for entry in root.iter("byteStream"):
        location, checksum = entry.find("fileLocation"), entry.find("checksum")
        path = _INSIDE_PRODUCT.search(location.get("href", "") if location is not None else "")
        size = entry.get("size", "")
        if path is not None and size.isdigit() and checksum is not None:
            algorithm = _ALGORITHMS.get(checksum.get("checksumName", "").lower())
            listed[path[0]] = Listed(int(size), algorithm, (checksum.text or "").strip().lower())
    return listed


def is_credible(listed: Mapping[str, Listed], sizes: Mapping[str, int]) -> bool:
    """Tell whether a manifest can be believed: it has the true size of at least half of the files that are there.

    Some baselines (02.07, 99.99) list sizes such as 988 for every file, with checksums that match nothing.
    """
    known = [name for name in listed if name in sizes]
    right = sum(listed[name].size == sizes[name] for name in known)
    return bool(known) and 2 * right >= len(known)


def scan(stream: BinaryIO, algorithm: str | None) -> Scan:
    """Read a file through once."""
    sha256, other = hashlib.sha256(), hashlib.new(algorithm) if algorithm else None
    zeros, tail, found = bytes(ZERO_RUN), b"", False
    while chunk := stream.read(_CHUNK):
        sha256.update(chunk)
        if other is not None:
            other.update(chunk)
        # A run may lie across the border of two chunks.
        found = found or zeros in tail + chunk[:ZERO_RUN] or zeros in chunk
        tail = (tail + chunk)[-ZERO_RUN:]
    return Scan(sha256.hexdigest(), other.hexdigest() if other is not None else "", found)


def find_mismatch(file_scan: Scan, size: int, listed: Listed | None, source: str = MANIFEST) -> str | None:
    """Return how a file differs from what a credible manifest, named ``source`` in messages, lists, or None."""
    if listed is None:
        return None
    if size != listed.size:
        return f"has {size} bytes, {source} lists {listed.size}"
    if listed.algorithm is not None and file_scan.checksum != listed.checksum:
        return f"does not have the checksum that {source} lists"
    return None
