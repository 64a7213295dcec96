"""Hostile archives of products and maps: refused at once, in one line, with little memory.

Each case is what one who wants to do harm would put in the place of an archive.
"""

import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from seasonet_build.errors import DataError
from seasonet_build.sources.vector import find_layers
from tests.battery.conftest import Record
from tests.battery.hostile_archives import (
    Member,
    deflated,
    read_members,
    stored,
    write_archive,
    zip64_end,
)
from tests.battery.refusals import look_at, note_costs, refusal, refused
from tests.unit.helpers import synthetic, write_small

NAME = synthetic().name.removesuffix(".SAFE")
ROOT = f"{NAME}.SAFE"
MEGA = bytes(1 << 20)


@pytest.fixture(scope="module", autouse=True)
def costs(record: Record) -> Iterator[None]:
    """Note what the refusals cost."""
    yield
    note_costs(record)


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[Member]:
    """The members of a good archive."""
    return read_members(write_small(tmp_path_factory.mktemp("good"), synthetic(), zipped=True))


# ------------------------------------------------------------------------------------------ products


def changed(members: list[Member], pattern: str, **fields: object) -> list[Member]:
    """Change what is said of the members whose name ends so."""
    assert any(member.name.endswith(pattern.encode()) for member in members)
    return [replace(m, **fields) if m.name.endswith(pattern.encode()) else m for m in members]  # type: ignore[arg-type]


def swapped(members: list[Member], pattern: str, make: Callable[[Member], Member]) -> list[Member]:
    assert any(member.name.endswith(pattern.encode()) for member in members)
    return [make(m) if m.name.endswith(pattern.encode()) else m for m in members]


def with_tail(member: Member) -> Member:
    return replace(member, packed=member.packed + b"x" * 9, packed_size=member.packed_size + 9)


def test_the_archives_of_these_tests_are_good_but_for_what_each_changes(tmp_path, members):
    plain = write_archive(tmp_path / f"{NAME}.zip", members)
    look_at(plain)
    with zipfile.ZipFile(plain) as archive:
        assert archive.testzip() is None
    packed = [deflated(member.name, member.packed) for member in members]
    look_at(write_archive(plain, packed, zip64=zip64_end, count=0xFFFF, start=0xFFFFFFFF, comment=b"x" * 100))


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/passwd", f"{ROOT}/../../x", "../x", f"{ROOT}\\..\\x", "C:/x", f"{ROOT}//x", f"{ROOT}/./x"),
        *(f"{ROOT}/x\0.txt", f"{ROOT}/a\nb", f"{ROOT}/\x1b[2J"),
    ],
)
def test_members_outside_the_product(tmp_path, members, name):
    path = write_archive(tmp_path / f"{NAME}.zip", [*members, stored(name, b"x")])
    refused(path, "does not stay inside")


@pytest.mark.parametrize("name", ["other/x", "x", "S2A.SAFE/x"])
def test_members_beside_the_product(tmp_path, members, name):
    path = write_archive(tmp_path / f"{NAME}.zip", [*members, stored(name, b"x")])
    refused(path, "one .SAFE folder and nothing else")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_members_that_are_no_files(tmp_path, members, kind):
    link = replace(stored(f"{ROOT}/manifest.safe.lnk", b"/etc/passwd"), mode=kind | 0o777)
    refused(write_archive(tmp_path / f"{NAME}.zip", [*members, link]), "link or a device")


CHANGES: dict[str, tuple[Callable[[list[Member]], list[Member]], str]] = {
    "two of one name": (lambda m: [*m, m[-1]], "same name"),
    "encrypted": (lambda m: changed(m, "_B02_10m.jp2", flags=1), "is encrypted"),
    "bzip2": (lambda m: changed(m, "MTD_TL.xml", method=zipfile.ZIP_BZIP2), "method 12"),
    "lzma": (lambda m: changed(m, "MTD_TL.xml", method=zipfile.ZIP_LZMA), "method 14"),
    "two sizes": (lambda m: changed(m, "MTD_TL.xml", size=1 << 30), "two sizes"),
    "shared data": (lambda m: [*m, replace(stored(f"{ROOT}/x", b""), at=0)], "reaches into"),
    "quoted headers": (
        lambda m: [replace(stored(f"{ROOT}/{i}", b""), packed_size=10**6, size=10**6) for i in range(500)],
        "reaches into",
    ),
    "behind the end": (lambda m: [*m[:-1], replace(m[-1], at=0xFFFFFF0)], "archive cannot be read"),
    "many members": (lambda m: [*m, *(stored(f"{ROOT}/{i}", b"") for i in range(6000))], "at most 5000"),
    "declared ratio": (lambda m: [*m, deflated(f"{ROOT}/x", b"", size=1 << 31)], "more than 50 to 1"),
    "declared ratio of a band": (
        lambda m: swapped(m, "_B02_10m.jp2", lambda b: deflated(b.name, MEGA * 64)),
        "more than 50 to 1",
    ),
    "declared total": (
        lambda m: [*m, *(deflated(f"{ROOT}/{i}", b"", size=16 << 20) for i in range(520))],
        "more than 8 GiB",
    ),
    "real ratio of a band": (
        lambda m: swapped(m, "_B02_10m.jp2", lambda b: deflated(b.name, b.packed, holds=MEGA * 16, blocks=256)),
        "declares",
    ),
    "real ratio, a little": (
        lambda m: swapped(m, "_B02_10m.jp2", lambda b: deflated(b.name, b.packed, holds=MEGA, blocks=1)),
        "holds more than",
    ),
    "real ratio of metadata": (
        lambda m: swapped(m, "MTD_TL.xml", lambda b: deflated(b.name, b.packed, holds=MEGA, blocks=2)),
        "holds more than",
    ),
    "something behind packed data": (
        lambda m: swapped(m, "_B02_10m.jp2", lambda b: with_tail(deflated(b.name, b.packed))),
        "holds more than",
    ),
    "less than declared": (
        lambda m: swapped(m, "_B02_10m.jp2", lambda b: deflated(b.name, b.packed, size=b.size + 9)),
        "ends before",
    ),
    "another check sum": (lambda m: changed(m, "_B02_10m.jp2", crc=1), "check sum"),
    "another name inside": (
        lambda m: swapped(m, "_B02_10m.jp2", lambda b: replace(b, local=(("name", b.name[::-1]),))),
        "than its own header",
    ),
    "another method inside": (lambda m: changed(m, "_B02_10m.jp2", local=(("method", 8),)), "than its own header"),
    "encrypted inside": (lambda m: changed(m, "_B02_10m.jp2", local=(("flags", 1),)), "than its own header"),
    "another size inside": (lambda m: changed(m, "_B02_10m.jp2", local=(("size", 7),)), "than its own header"),
    "no size inside": (
        lambda m: changed(m, "_B02_10m.jp2", local=(("size", 0), ("packed_size", 0), ("crc", 0))),
        "than its own header",
    ),
    "no header": (lambda m: changed(m, "_B02_10m.jp2", at=40), "archive cannot be read"),
    "a size of ZIP64": (
        lambda m: [
            *m,
            replace(stored(f"{ROOT}/x", b""), size=0xFFFFFFFF, extra=struct.pack("<HHQ", 1, 8, 1 << 60)),
        ],
        "two sizes",
    ),
    "a second name": (
        lambda m: changed(m, "_B02_10m.jp2", extra=struct.pack("<HHBL", 0x7075, 11, 1, 0) + b"../../"),
        "second name",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_archives_that_lie_or_burst(tmp_path, members, case):
    change, words = CHANGES[case]
    path = write_archive(tmp_path / f"{NAME}.zip", change(members))
    refused(path, words)
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ({"count": 1}, "damaged"),
        ({"count": 60_000}, "at most 5000"),
        ({"length": 1 << 30}, "not where its end says"),
        ({"start": 0}, "not where its end says"),
        ({"before": b"#!/bin/sh\n" * 10, "start": 0}, "not where its end says"),
        ({"behind": MEGA}, "archive cannot be read"),
        ({"behind": b"PK\5\6" + bytes(18)}, "not where its end says"),
        ({"zip64": lambda *_: zip64_end(0, 1 << 40, 1 << 40)}, "not where its end says"),
        ({"zip64": lambda start, length, count: zip64_end(start, length, 1 << 40)}, "disagree"),
        ({"zip64": lambda start, length, _: zip64_end(start, length, 1 << 40), "count": 0xFFFF}, "at most 5000"),
    ],
)
def test_archives_whose_end_lies(tmp_path, members, end, words):
    refused(write_archive(tmp_path / f"{NAME}.zip", members, **end), words)


def test_a_table_of_contents_of_a_gigabyte(tmp_path):
    """The file has no such size on disk: it is mostly a hole."""
    path = tmp_path / f"{NAME}.zip"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)
        stream.seek(1 << 30)
        stream.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 500, 500, 1 << 30, 0, 0))
    refused(path, "1073741824 bytes")


# ------------------------------------------------------------------------------------------ maps


GEOJSON = b'{"type":"FeatureCollection","features":[]}'
MAPS: dict[str, list[Member]] = {
    "outside": [stored("../a.geojson", GEOJSON)],
    "link": [replace(stored("a.shp", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777)],
    "declared ratio": [deflated("a.geojson", GEOJSON, size=1 << 31)],
    "real ratio": [deflated("a.geojson", GEOJSON, holds=b" " * (16 << 20), blocks=256)],
    "real ratio, a little": [deflated("a.geojson", GEOJSON, holds=b" " * (1 << 20), blocks=1)],
    "real ratio of a projection": [stored("a.shp", bytes(100)), deflated("a.prj", b"x", holds=MEGA, blocks=1)],
    "encrypted": [replace(stored("a.geojson", GEOJSON), flags=1)],
    "shared data": [stored("a.geojson", GEOJSON), replace(stored("b.geojson", GEOJSON), at=0)],
    "another name inside": [replace(stored("a.geojson", GEOJSON), local=(("name", b"b.geojson"),))],
}


@pytest.mark.parametrize("case", MAPS)
def test_archives_of_maps(tmp_path, case):
    path = write_archive(tmp_path / "map.zip", MAPS[case])
    found = refusal(lambda: find_layers(path, "*"))
    assert isinstance(found.error, DataError)
    assert str(path) in str(found.error)


def test_a_map_that_is_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "map.zip")
    assert "it is not a file" in str(refusal(lambda: find_layers(tmp_path / "map.zip", "*")).error)
