"""Trained models on disk: an .npz of plain numbers and a header in JSON, which nothing is executed to read.

The archive holds, uncompressed and in this order, ``header.npy`` (the bytes of the JSON text) and the arrays of Trees.
The header's ``digest`` is over everything else in the file that matters. ``numpy.load(path, allow_pickle=False)`` reads
the file too; it is not used here, as it believes what a file says of sizes.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seasonet_build.clouds.features import FEATURES, FEATURES_VERSION
from seasonet_build.clouds.model_header import FORMAT, FORMAT_VERSION, header_fault
from seasonet_build.clouds.npy import array_of, npy_bytes
from seasonet_build.clouds.trees import Trees
from seasonet_build.errors import DataError
from seasonet_build.storage import replacing

Floats = NDArray[np.float64]

_MAX_BYTES = 64 << 20
_HEADER = "header"
_TYPES = {
    "roots": "<i4",
    "left": "<i4",
    "right": "<i4",
    "feature": "<i2",
    "threshold": "<f8",
    "missing_left": "|u1",
    "value": "<f8",
}
_MEMBERS = {_HEADER: "|u1", **_TYPES}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the time of every member, so that equal models are equal files
_ADVICE = "give a file that `clouds train` wrote"


@dataclass(frozen=True)
class CloudModel:
    """A model that tells cloud from snow.

    Attributes:
        header: what is known of the model: features, partition, figures, versions.
        trees: what it computes.
        name: "model:" and the first 12 hexadecimal digits of the file's SHA-256.
    """

    header: Mapping[str, Any]
    trees: Trees
    name: str

    @property
    def threshold(self) -> float:
        """The score from which on a patch is cloudy."""
        return float(self.header["threshold"])

    def scores(self, features: Floats) -> Floats:
        """Return the log-odds of being cloudy, shape (n,).

        Args:
            features: a column for each of FEATURES, in that order, shape (n, len(FEATURES)); NaN: not known.
        """
        known = [*FEATURES]
        columns = [known.index(name) for name, _unit in self.header["features"]]
        return self.trees.scores(float(self.header["baseline"]), features[:, columns])


def save_model(path: Path, header: Mapping[str, Any], trees: Trees) -> None:
    """Write a model file: the old one or the whole new one is there at any time."""
    content = model_bytes(header, trees)
    with replacing(path) as part:
        part.write_bytes(content)


def model_bytes(header: Mapping[str, Any], trees: Trees) -> bytes:
    """Return the content of a model file: the same bytes for the same model.

    Args:
        header: what ``model_header.header_fault`` asks for, without format, versions of it and digest.
        trees: what the model computes.
    """
    arrays = {name: getattr(trees, name).astype(dtype).tobytes() for name, dtype in _TYPES.items()}
    said = {**header, "format": FORMAT, "format_version": FORMAT_VERSION, "features_version": FEATURES_VERSION}
    text = _canonical({**said, "digest": _digest(said, arrays)})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {_HEADER: text, **arrays}.items():
            member = zipfile.ZipInfo(f"{name}.npy", _LONG_AGO)
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, npy_bytes(_MEMBERS[name], data))
    return file.getvalue()


def load_model(path: Path) -> CloudModel:
    """Read a model file.

    Raises:
        DataError: there is no such file, or it is no whole model that this program can use.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path}: is larger than any model ({_MAX_BYTES >> 20} MB): {_ADVICE}")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the model cannot be read ({error.strerror}): {_ADVICE}") from None
    try:
        return parse_model(content)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def parse_model(content: bytes) -> CloudModel:
    """Return the model that the content of a file holds.

    Raises:
        DataError: it holds none; the message does not name the file.
    """
    members = _members(content)
    header = _parse_header(members)
    trees = Trees(**{field.name: _array(members, field.name) for field in fields(Trees)})
    digest = header.pop("digest", None)
    if digest != _digest(header, {name: getattr(trees, name).tobytes() for name in _TYPES}):
        raise DataError("is damaged: its content is not what its check sum says; take another copy or train again")
    fault = header_fault(header) or trees.fault(len(header["features"]))
    if fault:
        raise DataError(f"is no valid model: {fault}; {_ADVICE}")
    return CloudModel(header, trees, "model:" + hashlib.sha256(content).hexdigest()[:12])


def _members(content: bytes) -> dict[str, bytes]:
    """Return the members of an archive in their order, none of which is larger than the archive."""
    if not content.startswith(b"PK"):
        raise DataError(f"is no model file (not an .npz archive): {_ADVICE}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(member.compress_type or member.file_size > len(content) for member in archive.infolist()):
                raise DataError(f"is of another program (its members are compressed): {_ADVICE}")
            return {name: archive.read(name) for name in archive.namelist()[: len(_MEMBERS)]}
    except DataError:
        raise
    except Exception as error:  # zipfile has errors of a dozen kinds for damaged archives
        raise DataError(f"is a damaged archive ({error}): take another copy or train again") from None


def _array(members: Mapping[str, bytes], name: str) -> NDArray[Any]:
    array = array_of(members.get(f"{name}.npy", b""), _MEMBERS[name])
    if array is None:
        raise DataError(f"is damaged or of another program (no {name}, or no numbers in it): {_ADVICE}")
    return array


def _parse_header(members: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the header, of a format that is known and with features that mean what they do here."""
    try:
        header = json.loads(_array(members, _HEADER).tobytes().decode())
    except (ValueError, RecursionError):
        raise DataError(f"is damaged or of another program (its header is no JSON): {_ADVICE}") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DataError(f"is a file of another program (its header says so): {_ADVICE}")
    version, features = header.get("format_version"), header.get("features_version")
    if version != FORMAT_VERSION:
        advice = "update this program, or train again"
        raise DataError(f"is of format version {version!r}, this program reads {FORMAT_VERSION}: {advice}")
    if features != FEATURES_VERSION:
        advice = "train again with this program"
        raise DataError(f"rests on features of version {features!r}, this program has {FEATURES_VERSION}: {advice}")
    return header


def _digest(header: Mapping[str, Any], arrays: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over header and arrays; where one ends and the next begins counts."""
    digest = hashlib.sha256()
    for data in (_canonical(header), *(arrays[name] for name in _TYPES)):
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def _canonical(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode("ascii")
