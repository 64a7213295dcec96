"""Hostile products: refused at once, in one line, with little memory, and nothing outside of them is read.

Each case is what one who wants to do harm would put in the place of a file of a product.
"""

import json
import os
import shutil
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seasonet_build.sources.products import inspect_product
from tests.battery.conftest import Record
from tests.battery.refusals import look_at, note_costs, refused
from tests.cog_products import read_item, write_cog_product
from tests.unit.helpers import synthetic, write_small

NAME = synthetic().name.removesuffix(".SAFE")


@pytest.fixture(scope="module", autouse=True)
def costs(record: Record) -> Iterator[None]:
    """Note what the refusals cost."""
    yield
    note_costs(record)


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A good product folder without a manifest, which would tell that a file was changed."""
    path = write_small(tmp_path, synthetic())
    (path / "manifest.safe").unlink()
    return path


# ------------------------------------------------------------------------------------------ what is no file


def make_socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:  # the address of a socket is short
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def make_link_to_pipe(path: Path) -> None:
    os.mkfifo(path.parent / "p")
    path.symlink_to("p")


IRREGULAR: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "loop": lambda path: path.symlink_to(path.name),
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "link to a pipe": make_link_to_pipe,
    "link to nothing": lambda path: path.symlink_to("nothing"),
    "folder": Path.mkdir,
}


@pytest.mark.parametrize("kind", IRREGULAR)
def test_an_archive_that_is_no_file(tmp_path, kind):
    path = tmp_path / f"{NAME}.zip"
    IRREGULAR[kind](path)
    refused(path, "archive cannot be read")


@pytest.mark.parametrize("pattern", ["*_B02_10m.jp2", "MTD_TL.xml", "MTD_MSIL2A.xml"])
@pytest.mark.parametrize("kind", IRREGULAR)
def test_a_file_of_a_product_that_is_no_file(product, kind, pattern):
    (file,) = product.rglob(pattern)
    file.unlink()
    IRREGULAR[kind](file)
    refused(product)


def test_links_in_a_product_folder_are_followed(product, tmp_path):
    """A mirror may hold files once and link to them."""
    (file,) = product.rglob("*_B02_10m.jp2")
    shutil.move(file, tmp_path / "stored-elsewhere")
    file.symlink_to(tmp_path / "stored-elsewhere")
    look_at(product)


def test_a_folder_that_holds_itself(product):
    (product / "GRANULE" / "again").symlink_to(product, target_is_directory=True)
    (product / "up").symlink_to("/", target_is_directory=True)
    look_at(product)


# ------------------------------------------------------------------------------------------ XML

HEAD = b'<?xml version="1.0"?>'
LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 12))
XML = {
    "laughs": HEAD + b'<!DOCTYPE x [<!ENTITY l0 "ha">' + LAUGHS + b"]><x>&l11;</x>",
    "quadratic": HEAD + b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 50_000 + b'">]><x>' + b"&a;" * 50_000 + b"</x>",
    "parameter entities": HEAD + b'<!DOCTYPE x [<!ENTITY % a "x"><!ENTITY % b "%a;%a;"> %b;]><x/>',
    "a file": HEAD + b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "a server": HEAD + b'<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/x">]><x>&e;</x>',
    "a document type": HEAD + b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>',
    "a document type of a file": HEAD + b'<!DOCTYPE x SYSTEM "file:///dev/zero"><x/>',
    "deep": HEAD + b"<a>" * 100_000 + b"</a>" * 100_000,
    "deep and open": HEAD + b"<a>" * 600_000,
    "long attribute": HEAD + b'<x a="' + b"a" * 50_000_000 + b'"/>',
    "long name": HEAD + b"<" + b"a" * 5_000_000 + b"/>",
    "long entity": HEAD + b"<x>&" + b"a" * 2_000_000 + b";</x>",
    "long text": HEAD + b"<x>" + b"a" * 50_000_000 + b"</x>",
    "many elements": HEAD + b"<x>" + b"<a/>" * 500_000 + b"</x>",
    "many attributes": HEAD + b"<x " + b"".join(b'a%x=""\n' % i for i in range(190_000)) + b"/>",
    "UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-',
    "UTF-16": '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>'.encode("utf-16"),
    "zeros": bytes(1 << 20),
}


@pytest.mark.parametrize("file", ["MTD_MSIL2A.xml", "MTD_TL.xml", "manifest.safe"])
@pytest.mark.parametrize("case", XML)
def test_hostile_xml(product, case, file):
    found = [*product.rglob(file), product / file][0]
    found.write_bytes(XML[case])
    refused(product, file)


def replace_in(product: Path, pattern: str, old: str, new: str) -> None:
    (file,) = product.rglob(pattern)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("pattern", "old", "new", "words"),
    [
        ("MTD_TL.xml", "<NROWS>120<", "<NROWS>1000000000<", "no tile"),
        ("MTD_TL.xml", "<NROWS>120<", f"<NROWS>{'9' * 5000}<", "NROWS has 5000 characters"),
        ("MTD_TL.xml", "<ULX>540000<", "<ULX>1000000000000<", "nowhere"),
        ("MTD_TL.xml", "<NROWS>120<", "<NROWS>-120<", "no tile"),
        ("MTD_MSIL2A.xml", ">02.07<", ">../../x<", "PROCESSING_BASELINE"),
        ("MTD_MSIL2A.xml", ">02.07<", f">{'x' * 100_000}<", "PROCESSING_BASELINE has 100000 characters"),
    ],
)
def test_values_beyond_all_measure(product, pattern, old, new, words):
    replace_in(product, pattern, old, new)
    refused(product, pattern, words)


def test_numbers_in_a_manifest_beyond_all_measure(tmp_path):
    path = write_small(tmp_path, synthetic())
    text = (path / "manifest.safe").read_text()
    (path / "manifest.safe").write_text(text.replace('size="', f'size="{"9" * 5000}', 1))
    refused(path)


# ------------------------------------------------------------------------------------------ names inside products


TARGETS = ["../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "./../outside"]


@pytest.mark.parametrize("target", TARGETS)
def test_paths_in_metadata_lead_nowhere(product, target):
    """Files are found by their own names; what the metadata name is not opened."""
    before = inspect_product(product)
    replace_in(product, "MTD_MSIL2A.xml", "<IMAGE_FILE>", f"<IMAGE_FILE>{target}")
    assert inspect_product(product).rasters == before.rasters


@pytest.mark.parametrize("target", TARGETS)
def test_paths_in_a_manifest_lead_nowhere(tmp_path, target):
    path = write_small(tmp_path, synthetic())
    before = inspect_product(path)
    replace_in(path, "manifest.safe", 'href="', f'href="{target}/')
    after = inspect_product(path)
    assert after == before


def change_item(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    item = read_item(path)
    change(item)
    (path / "item.json").write_text(json.dumps(item), encoding="utf-8")


ITEMS: dict[str, Callable[[dict[str, Any]], object]] = {
    "uri outside": lambda item: item["properties"].update({"s2:product_uri": f"../../etc/{NAME}"}),
    "uri of two lines": lambda item: item["properties"].update({"s2:product_uri": "x\ny"}),
    "tile outside": lambda item: item["properties"].update({"grid:code": "MGRS-../../etc"}),
    "datastrip outside": lambda item: item["properties"].update({"s2:datastrip_id": "../../etc/passwd"}),
    "side of a planet": lambda item: [a.update({"proj:shape": [10**9, 10**9]}) for a in item["assets"].values()],
    "no number": lambda item: item["assets"]["blue"].update({"proj:transform": [10, 0, 1e400, 0, -10, 0]}),
    "nowhere": lambda item: [
        a["proj:transform"].__setitem__(slice(2, 6, 3), [6e20, 6e20]) for a in item["assets"].values()
    ],
}


@pytest.mark.parametrize("case", ITEMS)
def test_hostile_items(tmp_path, case):
    path = write_cog_product(tmp_path, write_small(tmp_path, synthetic()))
    change_item(path, ITEMS[case])
    refused(path, "item.json")


@pytest.mark.parametrize("text", [b"[" * 1_000_000, b'{"a":' * 500_000, b"[" + b"{}," * 4_000_000, b"9" * 4_000_000])
def test_items_that_burst(tmp_path, text):
    path = write_cog_product(tmp_path, write_small(tmp_path, synthetic()))
    (path / "item.json").write_bytes(text)
    refused(path, "item.json")


@pytest.mark.parametrize("target", TARGETS)
def test_addresses_in_an_item_lead_nowhere(tmp_path, target):
    path = write_cog_product(tmp_path, write_small(tmp_path, synthetic()))
    before = inspect_product(path)
    change_item(path, lambda item: [asset.update({"href": target}) for asset in item["assets"].values()])
    after = inspect_product(path)
    assert after.rasters == before.rasters


# ------------------------------------------------------------------------------------------ pictures


def spoil_codestream(product: Path, width: int, height: int, tile: int, tile_parts: int, components: int = 1) -> None:
    """Let the B02 of a product declare another size, with so many empty tile-parts."""
    (file,) = product.rglob("*_B02_10m.jp2")
    data = bytearray(file.read_bytes())
    size = data.index(b"\xff\x51")
    struct.pack_into(">II8xII", data, size + 6, width, height, tile, tile)
    struct.pack_into(">H", data, size + 2, 38 + 3 * components)
    struct.pack_into(">H", data, size + 38, components)
    data[size + 40 : size + 43] = b"\x0f\1\1" * components
    struct.pack_into(">II", data, data.index(b"ihdr") + 4, height, width)
    struct.pack_into(">I", data, data.index(b"jp2c") - 4, 0)
    if tile_parts:
        parts = (struct.pack(">HHHIBBH", 0xFF90, 10, i, 14, 0, 1, 0xFF93) for i in range(tile_parts))
        data = data[: data.index(b"\xff\x90")] + b"".join(parts) + b"\xff\xd9"
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("width", "height", "tile", "tile_parts", "components"),
    [
        (2**31 - 1, 2**31 - 1, 2**31 - 1, 0, 1),
        (2**32 - 1, 2**32 - 1, 1, 0, 1),
        (255, 257, 1, 65_535, 1),
        (10, 10, 1, 100, 16_384),
        (0, 0, 1, 0, 1),
    ],
    ids=["one giant tile", "giant with tiny tiles", "as many tiles as can be", "many components", "nothing"],
)
def test_pictures_of_absurd_size(product, width, height, tile, tile_parts, components):
    spoil_codestream(product, width, height, tile, tile_parts, components)
    refused(product, "_B02_10m.jp2")
