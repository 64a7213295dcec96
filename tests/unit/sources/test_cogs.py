"""Products of Cloud-Optimised GeoTIFFs: whole ones, damaged ones, and ones whose item says what is not so."""

import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.transform import from_origin

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import BAND_RESOLUTION, RASTER_RESOLUTION, harmonisation_table
from seasonet_build.model.products import ASSETS
from seasonet_build.raster.blocks import Layer, iter_windows
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.container import find_containers
from seasonet_build.sources.items import read_item
from seasonet_build.sources.offsets import LOW_WITH_OFFSET, LOW_WITHOUT_OFFSET, Statement, dark_values, offset_of
from seasonet_build.sources.products import Product, inspect_product
from seasonet_build.sources.scenes import make_scenes
from seasonet_build.sources.tiff import find_damage
from tests import cog_products
from tests.cog_products import write_cog, write_cog_product, write_item
from tests.unit.helpers import (
    KIT,
    ULX,
    ULY,
    clear_scl,
    few,
    needs_kit,
    product_record,
    random_bands,
    synthetic,
    write_small,
)

NEW = synthetic(baseline="05.00", offset=-1000, start=datetime(2018, 4, 18, 10, 40, 21))


def with_offset(size_m: int = 1200) -> dict[str, NDArray[np.uint16]]:
    """Digital numbers of a product that carries the offset."""
    return {band: (pixels + 1000).astype(np.uint16) for band, pixels in random_bands(size_m).items()}


@pytest.fixture(scope="session")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SAFE product with the offset; not to be changed."""
    return write_small(tmp_path_factory.mktemp("safe"), NEW, bands=with_offset())


@pytest.fixture(scope="session")
def whole(safe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The COG product of it, offset taken off; not to be changed."""
    return write_cog_product(tmp_path_factory.mktemp("cog"), safe)


@pytest.fixture
def cog(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / whole.name))


def inspected(path: Path) -> Product:
    with gdal_env():
        return inspect_product(path)


def refused(path: Path, *words: str) -> None:
    with gdal_env(), pytest.raises(ProductError) as caught:
        inspect_product(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in (path.stem, *words):
        assert word in message, message


def edit_item(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    item = cog_products.read_item(path)
    change(item)
    (path / "item.json").write_text(json.dumps(item), encoding="utf-8")


def without_checksums(path: Path) -> None:
    edit_item(path, lambda item: item.pop("seasonet:files"))


def pixels(product: Product, raster: str) -> Any:
    with gdal_env(), rasterio.open(product.rasters[raster]) as file:
        return file.read(1)


# ------------------------------------------------------------------------------------------ whole products


def test_a_cog_product_states_what_its_safe_product_states(safe, whole):
    original, product = inspected(safe), inspected(whole)
    own = {"path", "rasters", "digest", "offsets"}
    assert product.model_dump(exclude=own) == original.model_dump(exclude=own)
    assert product.is_cog
    assert not original.is_cog
    assert product.manifest_credible
    assert product.datastrip == datetime(2018, 4, 18, 10, 40, 21, tzinfo=UTC)
    assert set(product.offsets.values()) == {0}
    assert set(product.rasters) == set(RASTER_RESOLUTION)


def test_pixels_are_those_of_the_safe_product_on_the_scale_without_offset(safe, whole):
    original, product = inspected(safe), inspected(whole)
    table = harmonisation_table(-1000)
    for band in BAND_RESOLUTION:
        assert np.array_equal(pixels(product, band), table[pixels(original, band)])
    assert np.array_equal(pixels(product, "SCL"), pixels(original, "SCL"))


def test_an_offset_that_was_not_taken_off_is_stated(safe, tmp_path):
    product = inspected(write_cog_product(tmp_path, safe, take_off=False, applied=False))
    assert product.offsets == dict.fromkeys(BAND_RESOLUTION, -1000)


@pytest.mark.parametrize("applied", [None, False, True])
def test_old_baselines_have_no_offset_whatever_the_item_says(tmp_path, applied):
    path = write_cog_product(tmp_path, write_small(tmp_path, synthetic()), applied=applied)
    assert set(inspected(path).offsets.values()) == {0}


def test_cog_folders_are_found_beside_safe_products(tmp_path, cog):
    deeper = tmp_path / "2018"
    deeper.mkdir()
    moved = cog.rename(deeper / cog.name)
    original = write_small(tmp_path, synthetic())
    shutil.copytree(moved, original / "GRANULE" / moved.name)
    (tmp_path / f"{original.stem}.COG").write_text("not a folder")
    assert find_containers(tmp_path) == sorted([moved, original])


def test_only_what_is_needed_must_be_there(cog):
    for file in cog.glob("B*.tif"):
        file.unlink()
    # Where no band is read, it does not matter that nobody says anything about the offset.
    edit_item(cog, lambda item: item["properties"].pop("earthsearch:boa_offset_applied"))
    with gdal_env():
        product = inspect_product(cog, ["SCL"])
    assert set(product.rasters) == {"SCL"}
    assert product.offsets == {}


def test_without_checksums_a_product_is_used_and_known_to_be_unverified(cog):
    without_checksums(cog)
    assert not inspected(cog).manifest_credible


def test_newer_items_name_the_coordinate_system_by_code(cog):
    def by_code(item: dict[str, Any]) -> None:
        item["properties"]["proj:code"] = f"EPSG:{item['properties'].pop('proj:epsg')}"

    edit_item(cog, by_code)
    assert inspected(cog).epsg == 32632


def test_the_digest_stands_for_the_content(whole, cog):
    assert inspected(whole).digest == inspected(cog).digest
    edit_item(cog, lambda item: item["properties"].update({"eo:cloud_cover": 12.5}))
    assert inspected(cog).digest != inspected(whole).digest


@needs_kit
def test_real_items_are_understood():
    lines = (KIT / "stac" / "earth_search_items.ndjson").read_bytes().splitlines()
    assert lines
    for line in lines:
        item = read_item(BytesIO(line), RASTER_RESOLUTION)
        extent = item.extent(item.properties.grid.removeprefix("MGRS-"), item.properties.epsg or 0)
        assert extent.size_m == 109_800
        assert item.statement == Statement("05.09", True, (-0.1,) * len(BAND_RESOLUTION))
        assert item.statement.offset == 0
        assert item.listed("B02", 1) is None


@pytest.mark.parametrize("block", [128, 512])
def test_windows_are_read_at_full_size_from_files_with_overviews(tmp_path, block):
    random = np.random.default_rng(0)
    images = [random.integers(0, 9000, (1200, 1200)).astype(np.uint16) for _ in range(2)]
    for i, image in enumerate(images):
        write_cog(tmp_path / f"{i}.tif", image, "EPSG:32632", from_origin(ULX, ULY, 10, 10), block)
        with rasterio.open(tmp_path / f"{i}.tif") as file:
            assert file.overviews(1)
            assert file.block_shapes == [(block, block)]
    tops, lefts = np.array([0, 500, 1080, 450]), np.array([0, 470, 1080, 1000])
    with gdal_env():
        bands = [(Layer(str(tmp_path / f"{i}.tif")),) for i in range(2)]
        for positions, windows in iter_windows(bands, tops, lefts, 120):
            for position, window in zip(positions, windows, strict=True):
                rows = slice(tops[position], tops[position] + 120)
                cols = slice(lefts[position], lefts[position] + 120)
                assert np.array_equal(window, np.stack([image[rows, cols] for image in images], axis=-1))


# ------------------------------------------------------------------------------------------ duplicates


def as_cog(product: Product) -> Product:
    return product.model_copy(update={"path": product.path.replace(".SAFE", ".COG"), "digest": "cog"})


@pytest.mark.parametrize("swap", [False, True])
def test_of_one_baseline_the_safe_product_is_taken(swap):
    start = datetime(2018, 8, 6, 10, 20, 19, tzinfo=UTC)
    later = datetime(2019, 1, 1, tzinfo=UTC)
    original = product_record(start, baseline="05.00")
    # A GeoTIFF made later of another run of the same baseline.
    other = as_cog(product_record(start, baseline="05.00", discriminator=later))
    pair = [original, other]
    (scene,), aside = make_scenes(pair[::-1] if swap else pair)
    assert scene.products == (original,)
    assert [item.product for item in aside] == [other.name]


def test_the_same_product_in_both_forms_is_there_twice(safe, whole):
    original, product = inspected(safe), inspected(whole)
    for pair in ([original, product], [product, original]):
        (scene,), (aside,) = make_scenes(pair)
        assert scene.products == (original,)
        assert str(safe) in aside.reason


def test_a_higher_baseline_goes_first_in_either_form():
    start = datetime(2018, 8, 6, 10, 20, 19, tzinfo=UTC)
    old, new = product_record(start, baseline="02.07"), as_cog(product_record(start, baseline="05.00"))
    (scene,), _ = make_scenes([old, new])
    assert scene.products == (new,)


# ------------------------------------------------------------------------------------------ damaged files


@pytest.mark.parametrize("checksums", [True, False])
@pytest.mark.parametrize("lost", [5, 100, 5000])  # the last four bytes repeat those before them
def test_a_truncated_file_is_refused(cog, checksums, lost):
    if not checksums:
        without_checksums(cog)
    file = cog / "B08.tif"
    file.write_bytes(file.read_bytes()[:-lost])
    refused(cog, "B08.tif", "bytes" if checksums else "truncated", "fetch it again")


@pytest.mark.parametrize("length", [0, 7, 8, 100, 400])
def test_a_file_of_little_more_than_its_head_is_refused(cog, length):
    without_checksums(cog)
    file = cog / "B08.tif"
    file.write_bytes(file.read_bytes()[:length])
    refused(cog, "B08.tif", "truncated")


def test_another_checksum_is_refused(cog):
    file = cog / "B11.tif"
    content = bytearray(file.read_bytes())
    content[-50] ^= 1
    file.write_bytes(content)
    refused(cog, "B11.tif does not have the checksum that item.json lists")


def test_a_size_that_is_not_the_listed_one_is_refused(cog):
    edit_item(cog, lambda item: item["seasonet:files"]["B03.tif"].update(size=17))
    refused(cog, "B03.tif has", "item.json lists 17")


def test_the_providers_own_checksum_counts(cog):
    def list_own(item: dict[str, Any]) -> None:
        item["assets"]["green"] |= {"file:checksum": "1220" + "0" * 64}

    edit_item(cog, list_own)
    refused(cog, "B03.tif does not have the checksum")


@pytest.mark.parametrize("algorithm", ["1220", "d50110", "1620"])
def test_the_providers_checksums_are_known_by_their_code(cog, algorithm):
    name = {"1220": "sha256", "d50110": "md5", "1620": "sha3_256"}[algorithm]

    def list_own(item: dict[str, Any]) -> None:
        del item["seasonet:files"]
        for raster, asset in ASSETS.items():
            content = (cog / f"{raster}.tif").read_bytes()
            item["assets"][asset]["file:checksum"] = algorithm + hashlib.new(name, content).hexdigest()

    edit_item(cog, list_own)
    assert inspected(cog).manifest_credible


def test_all_missing_files_are_named(cog):
    for raster in ("B04", "B8A", "SCL"):
        (cog / f"{raster}.tif").unlink()
    refused(cog, "lacks B04.tif, B8A.tif, SCL.tif", "fetch the whole product")


@pytest.mark.parametrize("content", [b"<VRTDataset/>", b"\x89PNG\r\n\x1a\n" + bytes(90), b"II*\0" + bytes(100)])
def test_a_file_of_another_kind_is_refused(cog, content):
    (cog / "B02.tif").write_bytes(content)
    without_checksums(cog)
    refused(cog, "B02.tif")


def rewrite(cog: Path, raster: str, *, metres: int, shape: int, dtype: str = "uint16", **place: int) -> None:
    where = {"ulx": ULX, "uly": ULY, "epsg": 32632, **place}
    image = np.full((shape, shape), 4, dtype=dtype)
    transform = from_origin(where["ulx"], where["uly"], metres, metres)
    write_cog(cog / f"{raster}.tif", image, f"EPSG:{where['epsg']}", transform, 512)
    without_checksums(cog)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metres": 10, "shape": 60}, "60 x 60"),
        ({"metres": 20, "shape": 120}, "starts at"),
        ({"metres": 10, "shape": 120, "ulx": ULX + 60}, str(ULX + 60)),
        ({"metres": 10, "shape": 120, "epsg": 32633}, "32633"),
        ({"metres": 10, "shape": 120, "dtype": "uint8"}, "uint8, not one band of uint16"),
        ({"metres": 10, "shape": 120, "dtype": "float32"}, "float32"),
    ],
)
def test_a_band_of_another_size_place_zone_or_type(cog, changes, said):
    rewrite(cog, "B03", **changes)
    refused(cog, "B03.tif", said)


def test_the_item_of_another_tile_is_refused(safe, cog):
    edit_item(cog, lambda item: item["properties"].update({"grid:code": "MGRS-32UPA"}))
    refused(cog, "item.json: grid:code says '32UPA'", "32UNA")


def test_the_name_of_another_tile_is_refused(cog):
    refused(cog.rename(cog.with_name(cog.name.replace("T32UNA", "T32UPA"))), "s2:product_uri", "32UNA", "32UPA")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("s2:product_uri", "../../etc/passwd"),
        ("s2:processing_baseline", "05.10"),
        ("platform", "sentinel-2b"),
        ("proj:epsg", 32633),
        ("s2:datatake_id", "GS2A_20180418T104022_014731_N05.00"),
        ("s2:datatake_id", "GS2B_20180418T104021_014731_N05.00"),
        ("s2:datastrip_id", "S2A_OPER_MSI_L2A_DS_2APS_20180418T134021_S20180418T134021_N05.00"),
        ("s2:datastrip_id", "S2A_OPER_MSI_L2A_DS_2APS_20180418T134021_S20189918T104021_N05.00"),
        ("s2:datastrip_id", "nonsense\nin two lines"),
        ("eo:cloud_cover", "much"),
        ("eo:cloud_cover", 100.5),
        ("earthsearch:boa_offset_applied", "true"),
    ],
)
def test_properties_that_cannot_be_right_are_refused_by_name(cog, key, value):
    edit_item(cog, lambda item: item["properties"].update({key: value}))
    refused(cog, "item.json", key)


@pytest.mark.parametrize(
    "key",
    [
        "s2:product_uri",
        "s2:processing_baseline",
        "s2:datastrip_id",
        "platform",
        "grid:code",
        "proj:epsg",
        "eo:cloud_cover",
    ],
)
def test_missing_properties_are_named(cog, key):
    edit_item(cog, lambda item: item["properties"].pop(key))
    refused(cog, "item.json", key)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda item: item.pop("properties"), "properties"),
        (lambda item: item.pop("assets"), "assets"),
        (lambda item: item.update(assets=[1]), "assets"),
        (lambda item: item["assets"].pop("nir08"), "assets.nir08"),
        (lambda item: item["assets"]["red"].pop("proj:transform"), "assets.red.proj:transform"),
        (lambda item: item["assets"]["red"].update({"proj:transform": [10, 0]}), "assets.red.proj:transform"),
        (lambda item: item["assets"]["red"].update({"proj:transform": [10, 0, 1.5, 0, -10, 0]}), "assets.red.proj"),
        (lambda item: item["assets"]["red"]["proj:transform"].__setitem__(2, ULX + 60), "corners"),
        (lambda item: item["assets"]["scl"].update({"proj:shape": [61, 60]}), "1220"),
        (lambda item: item.update({"seasonet:files": 3}), "seasonet:files"),
        (lambda item: item["seasonet:files"]["B02.tif"].pop("sha256"), "seasonet:files.B02.tif.sha256"),
        (lambda item: item["seasonet:files"]["B02.tif"].update(size=-1), "seasonet:files.B02.tif.size"),
    ],
)
def test_malformed_keys_are_named(cog, change, said):
    edit_item(cog, change)
    refused(cog, "item.json", said)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe\0", b"[" * 100_000, b" " * (5 << 20)])
def test_an_item_that_is_no_item_is_refused(cog, content):
    (cog / "item.json").write_bytes(content)
    refused(cog, "item.json")


def test_a_missing_item_is_named(cog):
    (cog / "item.json").unlink()
    refused(cog, "item.json is missing")


@few
@given(st.data())
def test_a_changed_item_is_refused_in_one_line_or_used(whole, tmp_path_factory, data):
    path = Path(shutil.copytree(whole, tmp_path_factory.mktemp("item") / whole.name))
    content = bytearray((path / "item.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (path / "item.json").write_bytes(content)
    try:
        inspected(path)
    except ProductError as error:
        assert "\n" not in str(error)


def test_paths_of_the_item_are_not_opened(cog, tmp_path):
    secret = tmp_path / "secret.tif"
    shutil.copy(cog / "B08.tif", secret)

    def elsewhere(item: dict[str, Any]) -> None:
        for asset in item["assets"].values():
            asset["href"] = str(secret)
        item["seasonet:files"]["../secret.tif"] = {"size": 1, "sha256": "0" * 64}

    edit_item(cog, elsewhere)
    assert all(Path(path).parent == cog for path in inspected(cog).rasters.values())


# ------------------------------------------------------------------------------------------ the structure of TIFFs


def test_every_shortened_file_is_seen(whole):
    content = (whole / "B12.tif").read_bytes()
    assert find_damage(BytesIO(content), len(content)) is None
    # GDAL repeats the last four bytes of a tile behind it.
    for length in range(0, len(content) - 4, 97):
        assert find_damage(BytesIO(content[:length]), length) is not None


@pytest.mark.parametrize("options", [{}, {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {"TILED": "YES", "BLOCKXSIZE": 16}])
def test_all_forms_of_tiff_are_understood(tmp_path, options):
    path = tmp_path / "a.tif"
    image = np.random.default_rng(0).integers(1, 9000, (2, 70, 50)).astype(np.uint16)
    profile = {"width": 50, "height": 70, "count": 2, "dtype": "uint16", "INTERLEAVE": "BAND", **options}
    if "TILED" in options:
        profile["BLOCKYSIZE"] = 32
    with rasterio.open(path, "w", driver="GTiff", **profile) as file:
        file.write(image)
    content = path.read_bytes()
    assert find_damage(BytesIO(content), len(content)) is None


def test_a_loop_of_directories_ends(whole):
    content = bytearray((whole / "B12.tif").read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * count, first)
    assert "images" in str(find_damage(BytesIO(content), len(content)))


@few
@given(st.data())
def test_changed_heads_of_tiffs_break_nothing(whole, data):
    content = bytearray((whole / "B12.tif").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, 700))] = data.draw(st.integers(0, 255))
    found = find_damage(BytesIO(content), len(content), unpack=True)
    assert found is None or "\n" not in found


@pytest.mark.parametrize("damage", ["zeros", "a bit"])
def test_without_checksums_the_tiles_own_are_looked_at(cog, damage):
    without_checksums(cog)
    file = cog / "B07.tif"
    whole = file.read_bytes()
    inspected(cog)
    for position in range(1000, 6000, 500):
        content = bytearray(whole)
        if damage == "zeros":
            content[position : position + 64] = bytes(64)
        else:
            content[position] ^= 16
        file.write_bytes(content)
        refused(cog, "B07.tif is damaged: the tile at byte")


def test_a_tile_that_unpacks_to_more_than_a_tile_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=1, dtype="uint16", tiled=True,
                       blockxsize=64, blockysize=64, compress="deflate") as file:  # fmt: skip
        file.write(np.zeros((1, 64, 64), np.uint16))
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    for entry in range(first + 2, first + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", content, entry)
        if tag in (256, 257, 322, 323):  # width and height of image and tiles
            struct.pack_into("<H", content, entry + 8, 16)
    assert find_damage(BytesIO(content), len(content)) is None
    assert "not of the size" in str(find_damage(BytesIO(content), len(content), unpack=True))


# ------------------------------------------------------------------------------------------ the offset


@pytest.mark.parametrize(
    ("baseline", "applied", "offsets", "offset"),
    [
        ("02.07", None, (), 0),
        ("03.01", False, (-0.1,), 0),
        ("04.00", True, (-0.1,), 0),
        ("05.09", True, (0.0,), 0),
        ("05.09", False, (-0.1,), -1000),
        ("05.09", False, (), -1000),
        ("05.09", False, (0.0,), None),
        ("05.09", None, (-0.1,), None),
    ],
)
def test_what_an_item_says(baseline, applied, offsets, offset):
    assert Statement(baseline, applied, offsets).offset == offset


@pytest.mark.parametrize(
    ("lows", "offset"),
    [
        ({}, None),
        ({"B04": LOW_WITHOUT_OFFSET - 1, "B12": 1200.0}, 0),
        ({"B04": LOW_WITHOUT_OFFSET, "B12": 1200.0}, None),
        ({"B04": LOW_WITH_OFFSET, "B12": 1200.0}, -1000),
    ],
)
def test_what_dark_pixels_say(lows, offset):
    assert offset_of(lows) == offset


def test_an_item_that_says_taken_off_while_it_is_not_is_refused(safe, tmp_path):
    path = write_cog_product(tmp_path, safe, take_off=False, applied=True)
    refused(path, "boa_offset_applied true", "raster:bands offset -0.1", "still on", "B04 10", "use the SAFE product")


def test_an_item_that_says_not_taken_off_while_it_is_is_refused(safe, tmp_path):
    path = write_cog_product(tmp_path, safe, take_off=True, applied=False)
    refused(path, "boa_offset_applied false", "no longer on", "use the SAFE product")


@pytest.mark.parametrize(("take_off", "offset"), [(True, 0), (False, -1000)])
def test_where_the_item_says_nothing_the_pixels_decide(safe, tmp_path, take_off, offset):
    path = write_cog_product(tmp_path, safe, take_off=take_off, applied=None)
    assert set(inspected(path).offsets.values()) == {offset}


def test_under_cloud_the_item_is_believed_and_without_it_nothing(tmp_path):
    cloudy = write_small(tmp_path, NEW, bands=with_offset(), scl=np.full_like(clear_scl(1200), 9))
    path = write_cog_product(tmp_path, cloudy, take_off=False, applied=True)
    assert set(inspected(path).offsets.values()) == {0}
    path = write_cog_product(tmp_path, cloudy, take_off=False, applied=None)
    refused(path, "leaves open", "boa_offset_applied missing")


def test_pixels_beside_gaps_do_not_count(tmp_path):
    scl = clear_scl(1200)
    scl[:, 20:] = 0
    bands = {band: np.full_like(image, 1100) for band, image in with_offset().items()}
    bands["B04"][:, 38:40] = 5
    product = inspected(write_small(tmp_path, NEW, bands=bands, scl=scl))
    with gdal_env():
        assert dark_values(product.rasters) == {"B04": 1100.0, "B12": 1100.0}


def test_a_raster_that_cannot_be_decoded_is_an_error(cog):
    file = cog / "B04.tif"
    content = bytearray(file.read_bytes())
    with rasterio.open(file) as raster:
        start = int(raster.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    content[start : start + 1000] = b"\xff" * 1000
    file.write_bytes(content)
    write_item(cog, cog_products.read_item(cog))
    refused(cog, "cannot be decoded")
