"""Check the folders of some patches, in a worker: which files there are, and what is in them."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from seasonet_build.interrupts import stop_requested
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.verify.files import files_below, odd_kind, unreadable
from seasonet_build.verify.findings import Findings, Mode, Problem
from seasonet_build.verify.names import PatchNames, read_names
from seasonet_build.verify.values import FORMS, CannotDecodeError, complaints, decode, pixel_sum, quiet_gdal


@dataclass(frozen=True)
class Sums:
    """What is recorded of the files with one suffix: sizes, SHA-256 and CRC-32 of pixels, each of length n."""

    sizes: Sequence[int]
    sha256: Sequence[bytes]
    crc32: Sequence[int]


@dataclass(frozen=True)
class Batch:
    """Some patches of a dataset, to be checked together.

    Attributes:
        root: the dataset.
        paths: the patches, relative to it.
        suffixes: the files that each has.
        mode: how far files are looked at.
        classes: the labels that each has, as in ``meta.csv``; None: not known.
        sums: what is recorded, by suffix; None: nothing.
    """

    root: str
    paths: Sequence[str]
    suffixes: Sequence[str]
    mode: Mode
    classes: Sequence[str] | None = None
    sums: Mapping[str, Sums] | None = None


@dataclass
class Outcome:
    """What came of a batch: files that are there, their bytes, and what is wrong."""

    files: int = 0
    size: int = 0
    problems: list[Problem] = field(default_factory=list)


def check_batch(batch: Batch) -> Outcome:
    """Check all files of some patches."""
    findings, checker = Findings(), _Checker(batch)
    with gdal_env(), quiet_gdal():
        for number in range(len(batch.paths)):
            if stop_requested.is_set():
                raise KeyboardInterrupt
            checker.check_patch(number, findings)
    return Outcome(checker.files, checker.size, findings.problems)


class _Checker:
    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._names: PatchNames = read_names(pa.array(batch.paths, type=pa.string()))
        self.files = self.size = 0

    def check_patch(self, number: int, findings: Findings) -> None:
        path = self._batch.paths[number]
        stem = f"{path}/{path[path.rindex('/') + 1 :]}"
        expected = {f"{stem}_{suffix}.tif": suffix for suffix in self._batch.suffixes}
        try:
            found = _entries(self._batch.root, path)
        except FileNotFoundError:
            found = {}
        except NotADirectoryError:
            findings.altered(path, "is not a folder")
            found = {}
        except OSError as error:
            findings.altered(f"{path}/", unreadable(error))
            return
        for file, suffix in expected.items():
            entry = found.pop(file, None)
            if entry is None:
                findings.missing(file)
                continue
            self.files += 1
            self._check_file(number, file, suffix, entry, findings)
        for file in sorted(found):
            findings.extra(files_below(Path(self._batch.root), file))

    def _check_file(self, number: int, file: str, suffix: str, entry: "os.DirEntry[str]", findings: Findings) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
            odd = odd_kind(status.st_mode)
            if odd is None:
                self.size += status.st_size
                odd = self._differs(number, suffix, status.st_size, entry.path)
            if odd is not None:
                findings.altered(file, odd)
            elif self._batch.mode is not Mode.QUICK:
                self._check_content(number, file, suffix, entry.path, findings)
        except FileNotFoundError:
            findings.missing(file)
        except OSError as error:
            findings.altered(file, unreadable(error))
        except CannotDecodeError as error:
            findings.altered(file, str(error))

    def _differs(self, number: int, suffix: str, size: int, path: str) -> str | None:
        """Return how size or bytes differ from what is recorded."""
        if self._batch.sums is None or self._batch.mode is Mode.PIXELS:
            return None
        sums = self._batch.sums[suffix]
        if size != sums.sizes[number]:
            return f"has {size} bytes, {sums.sizes[number]} are recorded"
        if self._batch.mode is Mode.BYTES:
            with open(path, "rb") as source:  # noqa: PTH123 - plain strings: files are millions
                if hashlib.sha256(source.read()).digest() != sums.sha256[number]:
                    return "its SHA-256 is not the recorded one"
        return None

    def _check_content(self, number: int, file: str, suffix: str, path: str, findings: Findings) -> None:
        form = FORMS.get(suffix)
        raster = decode(path, form)
        if self._batch.mode is Mode.PIXELS and self._batch.sums is not None and raster.pixels is not None:
            recorded = self._batch.sums[suffix].crc32[number]
            if pixel_sum(raster.pixels) != recorded:
                findings.altered(file, "the check sum of its pixels is not the recorded one")
                return
        if form is None or not self._names.valid[number]:
            return
        places = self._names.places
        corner = (int(places.x[number]), int(places.y[number]))
        classes = self._batch.classes[number] if self._batch.classes is not None and suffix == "labels" else None
        wrong = list(complaints(raster, form, int(places.epsg[number]), corner, classes))
        if wrong:
            findings.wrong(file, "; ".join(wrong))


def _entries(root: str, path: str) -> dict[str, "os.DirEntry[str]"]:
    with os.scandir(f"{root}/{path}") as entries:
        return {f"{path}/{entry.name}": entry for entry in entries}
