"""Metadata of real products, and of files that are no metadata."""

from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.demo import safe_xml
from seasonet_build.model.bands import BAND_IDS
from seasonet_build.sources.integrity import read_manifest
from seasonet_build.sources.metadata import MetadataError, read_product_metadata, read_tile_metadata
from tests.unit.helpers import KIT, clear_scl, modest, needs_kit, synthetic

REAL = {  # product: baseline, relative orbit, start, cloud cover
    "S2A_MSIL2A_20181008T105021_N0209_R051_T31UFS_20181008T135604": ("02.09", 51, "20181008T105021", 94.024647),
    "S2B_MSIL2A_20180327T105019_N0207_R051_T31UFS_20180327T134916": ("02.07", 51, "20180327T105019", 97.485205),
    "S2B_MSIL2A_20180523T104019_N0208_R008_T31UFS_20180524T145942": ("02.08", 8, "20180523T104019", 82.911611),
    "S2B_MSIL2A_20180831T104019_N9999_R008_T31UFS_20221003T135545": ("99.99", 8, "20180831T104019", 87.854874),
    "S2B_MSIL2A_20181122T105349_N0211_R051_T31UFS_20181122T131721": ("02.11", 51, "20181122T105349", 24.389941),
    "S2B_MSIL2A_20200205T105129_N0214_R051_T31UFS_20200207T150106": ("02.14", 51, "20200205T105129", 54.25744),
    "S2B_MSIL2A_20211024T104029_N0500_R008_T31UFS_20230102T162820": ("05.00", 8, "20211024T104029", 0.008131),
    "S2B_MSIL2A_20220125T105229_N0400_R051_T31UFS_20220125T151458": ("04.00", 51, "20220125T105229", 69.217724),
}


def real_product(name: str) -> Path:
    return KIT / "safe_metadata" / f"{name}.SAFE"


@needs_kit
@pytest.mark.parametrize("name", REAL)
def test_product_metadata_of_real_products(name):
    baseline, orbit, start, cloud = REAL[name]
    with (real_product(name) / "MTD_MSIL2A.xml").open("rb") as stream:
        metadata = read_product_metadata(stream)
    assert metadata.baseline == baseline
    assert metadata.orbit == orbit
    assert metadata.start.replace(microsecond=0) == datetime.strptime(f"{start}+0000", "%Y%m%dT%H%M%S%z")
    assert metadata.start.tzinfo == UTC
    assert metadata.spacecraft == f"Sentinel-{name[1:3]}"
    assert metadata.cloud == cloud
    offset = -1000 if baseline in ("04.00", "05.00") else 0
    assert metadata.offsets == dict.fromkeys(BAND_IDS.values(), offset)


@needs_kit
@pytest.mark.parametrize("name", REAL)
def test_tile_metadata_of_real_products(name):
    (file,) = real_product(name).glob("GRANULE/*/MTD_TL.xml")
    with file.open("rb") as stream:
        metadata = read_tile_metadata(stream)
    assert (metadata.tile, metadata.epsg) == ("31UFS", 32631)
    assert metadata.corners == dict.fromkeys((10, 20, 60), (600_000, 5_700_000))
    assert metadata.sizes == {10: (10_980,) * 2, 20: (5_490,) * 2, 60: (1_830,) * 2}


@needs_kit
@pytest.mark.parametrize("name", REAL)
def test_manifests_of_real_products_list_paths_inside_the_product(name):
    with (real_product(name) / "manifest.safe").open("rb") as stream:
        listed = read_manifest(stream)
    images = [path for path in listed if path.endswith("_10m.jp2")]
    assert len(images) >= 6
    assert all(path.startswith("GRANULE/") for path in images)
    assert "MTD_MSIL2A.xml" in listed
    assert all(entry.algorithm in ("md5", "sha3_256") for entry in listed.values())


# ------------------------------------------------------------------------------------------- bad metadata


@cache
def synthetic_xml() -> tuple[bytes, bytes, bytes]:
    product = synthetic(baseline="05.00", offset=-1000)
    return (
        safe_xml.product_metadata(product, ["GRANULE/x"], clear_scl(1200)),
        safe_xml.tile_metadata(product),
        safe_xml.manifest(product, Path(__file__).parent),
    )


READERS = (read_product_metadata, read_tile_metadata, read_manifest)

LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 12))
BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">' + LAUGHS + b"]><x>&l11;</x>"
QUADRATIC = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"a" * 50_000 + b'">]><x>' + b"&a;" * 50_000 + b"</x>"
EXTERNAL = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x>&e;</x>'
EXTERNAL_DTD = b'<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x>&e;</x>'


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("data", [BOMB, QUADRATIC, EXTERNAL, EXTERNAL_DTD], ids=["laughs", "quadratic", "file", "dtd"])
def test_entities_are_refused_in_one_line(reader, data):
    with pytest.raises(MetadataError) as caught:
        reader(BytesIO(data))
    message = str(caught.value)
    assert "\n" not in message
    assert message.split(maxsplit=1)[0].rstrip(":") in ("MTD_MSIL2A.xml", "MTD_TL.xml", "manifest.safe")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"<html>", b"503 Service Unavailable", b"\x1f\x8b\x08\0"])
def test_files_that_are_no_xml_are_refused(reader, data):
    with pytest.raises(MetadataError, match="cannot be read"):
        reader(BytesIO(data))


@pytest.mark.parametrize("reader", READERS)
def test_an_encoding_that_does_not_exist_is_refused(reader):
    data = b'<?xml version="1.0" encoding="UTF-9"?><x/>'
    with pytest.raises(MetadataError, match="cannot be read"):
        reader(BytesIO(data))


@pytest.mark.parametrize(
    "element",
    [
        *("PROCESSING_BASELINE", "DATATAKE_SENSING_START", "GENERATION_TIME", "SPACECRAFT_NAME"),
        *("SENSING_ORBIT_NUMBER", "BOA_QUANTIFICATION_VALUE", "Cloud_Coverage_Assessment"),
    ],
)
def test_what_the_product_metadata_lack_is_named(element):
    data = synthetic_xml()[0].replace(element.encode(), b"SOMETHING_ELSE")
    with pytest.raises(MetadataError, match=f"MTD_MSIL2A.xml has no {element}"):
        read_product_metadata(BytesIO(data))


@pytest.mark.parametrize("element", ["TILE_ID", "HORIZONTAL_CS_CODE", "ULX", "NROWS"])
def test_what_the_tile_metadata_lack_is_named(element):
    data = synthetic_xml()[1].replace(element.encode(), b"SOMETHING_ELSE")
    with pytest.raises(MetadataError, match=f"MTD_TL.xml has no {element}"):
        read_tile_metadata(BytesIO(data))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2018-04-18T10:40:21.000Z</DATATAKE", "yesterday</DATATAKE"),
        (">8</SENSING_ORBIT_NUMBER>", ">eight</SENSING_ORBIT_NUMBER>"),
        (">10000</BOA_Q", ">1000</BOA_Q"),
        (">10000</BOA_Q", ">nan</BOA_Q"),
        (">-1000</BOA_ADD_OFFSET>", ">minus</BOA_ADD_OFFSET>"),
    ],
)
def test_wrong_values_in_product_metadata_are_refused(old, new):
    data = synthetic_xml()[0].decode()
    assert old in data
    with pytest.raises(MetadataError, match=r"MTD_MSIL2A\.xml"):
        read_product_metadata(BytesIO(data.replace(old, new).encode()))


def test_offsets_are_read_by_band():
    data = synthetic_xml()[0].decode().replace('band_id="3">-1000', 'band_id="3">-900')
    offsets = read_product_metadata(BytesIO(data.encode())).offsets
    assert {band: offset for band, offset in offsets.items() if offset != -1000} == {"B04": -900}  # number 3


@pytest.mark.parametrize(("baseline", "known"), [("03.01", True), ("99.99", True), ("04.00", False), ("05.11", False)])
def test_a_baseline_that_has_offsets_and_does_not_state_them_all_is_refused(baseline, known):
    """Nobody could say whether 1000 is on the pixels; older baselines, and ESA's trial runs, have none."""
    data = synthetic_xml()[0].decode().replace("05.00", baseline)
    data = data.replace('<BOA_ADD_OFFSET band_id="12">-1000</BOA_ADD_OFFSET>', "")
    if known:
        assert read_product_metadata(BytesIO(data.encode())).offsets["B12"] == 0
        return
    with pytest.raises(MetadataError, match=rf"no BOA_ADD_OFFSET for B12 in baseline {baseline}, .* is not known"):
        read_product_metadata(BytesIO(data.encode()))


@modest
@given(st.integers(0, 2), st.data())
def test_damaged_metadata_are_read_or_refused(which, data):
    content = bytearray(synthetic_xml()[which])
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    for _ in range(data.draw(st.integers(0, 3))):
        position = data.draw(st.integers(0, max(len(content) - 1, 0)))
        # The first line, which states the encoding, is left alone: it has its own test.
        if 60 < position < len(content):
            content[position] = data.draw(st.integers(0, 255))
    try:
        READERS[which](BytesIO(bytes(content)))
    except MetadataError as error:
        assert "\n" not in str(error)
