"""Products as they lie on disk: folders and zips, whole ones and ones that disagree with themselves."""

import shutil
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import from_origin

from seasonet_build.demo.safe import BAND_RESOLUTION, SyntheticProduct
from seasonet_build.errors import ProductError
from seasonet_build.model.bands import RASTER_RESOLUTION
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.container import find_containers, open_container
from seasonet_build.sources.products import Product, inspect_product
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.observe import read_scl
from tests.unit.helpers import KIT, ULX, ULY, few, needs_kit, random_bands, synthetic, write_small


def pixels(product: Product, raster: str) -> Any:
    with gdal_env(), rasterio.open(product.rasters[raster]) as file:
        return file.read(1)


def refused(path: Path, *words: str) -> None:
    """Check that a product is refused in one line that names it and says each of ``words``."""
    with gdal_env(), pytest.raises(ProductError) as caught:
        inspect_product(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in (path.stem, *words):
        assert word in message


def the_file(product: Path, pattern: str) -> Path:
    (file,) = product.rglob(pattern)
    return file


def edit(product: Path, pattern: str, old: str, new: str) -> None:
    """Change a text file of a product, and take away the manifest that would tell."""
    file = the_file(product, pattern)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    (product / "manifest.safe").unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------ whole products


@pytest.mark.parametrize(
    "synthetic_product",
    [
        synthetic(),
        synthetic(baseline="05.00", offset=-1000, platform="B", orbit=108),
        synthetic(baseline="02.06"),  # files begin with L2A_
        synthetic(datastrip_start=datetime(2018, 4, 18, 10, 40, 28)),
    ],
    ids=lambda product: product.name[:40],
)
def test_a_zip_is_read_like_the_folder_it_was_made_from(tmp_path, synthetic_product):
    folder = inspect_product(write_small(tmp_path, synthetic_product))
    archive = inspect_product(write_small(tmp_path, synthetic_product, zipped=True))
    own = {"path", "rasters"}
    assert folder.model_dump(exclude=own) == archive.model_dump(exclude=own)
    bands = random_bands(1200)
    for raster in RASTER_RESOLUTION:
        assert np.array_equal(pixels(folder, raster), pixels(archive, raster))
        if raster in bands:
            assert np.array_equal(pixels(archive, raster), bands[raster])


def test_what_a_product_states(tmp_path):
    stated = synthetic(
        baseline="05.00", offset=-1000, platform="B", orbit=108, datastrip_start=datetime(2018, 4, 18, 10, 40, 28)
    )
    product = inspect_product(write_small(tmp_path, stated))
    assert product.name == "S2B_MSIL2A_20180418T104021_N0500_R108_T32UNA_20180418T134021"
    assert (product.platform, product.baseline, product.orbit) == ("S2B", "05.00", 108)
    assert product.start == datetime(2018, 4, 18, 10, 40, 21, tzinfo=UTC)
    assert product.datastrip == datetime(2018, 4, 18, 10, 40, 28, tzinfo=UTC)
    assert product.discriminator == "20180418T134021"
    assert product.extent.bounds == (ULX, ULY - 1200, ULX + 1200, ULY)
    assert product.offsets == dict.fromkeys(BAND_RESOLUTION, -1000)
    assert set(product.rasters) == set(RASTER_RESOLUTION)
    assert product.manifest_credible


def test_old_products_have_no_offset(tmp_path):
    assert set(inspect_product(write_small(tmp_path, synthetic())).offsets.values()) == {0}


def test_the_digest_stands_for_the_content(tmp_path):
    first = inspect_product(write_small(tmp_path / "a", synthetic()))
    same = inspect_product(write_small(tmp_path / "b", synthetic()))
    other = inspect_product(write_small(tmp_path / "c", synthetic(), bands=random_bands(1200, seed=1)))
    assert first.digest == same.digest != other.digest


def test_products_are_found_at_any_depth(tmp_path):
    inner = tmp_path / "2018" / "04"
    inner.mkdir(parents=True)
    folder = write_small(inner, synthetic())
    archive = write_small(tmp_path, synthetic(platform="B"), zipped=True)
    (tmp_path / "notes.txt").write_text("x")
    # A product inside a product is none.
    shutil.copy(archive, folder / "GRANULE")
    assert find_containers(tmp_path) == sorted([folder, archive])


def test_a_folder_and_a_zip_give_the_same_files(tmp_path):
    folder = open_container(write_small(tmp_path, synthetic()))
    archive = open_container(write_small(tmp_path, synthetic(), zipped=True))
    assert folder.names() == archive.names()
    for name in folder.names():
        with folder.open(name) as one, archive.open(name) as other:
            assert one.read() == other.read()
        assert folder.size(name) == archive.size(name)


@pytest.mark.parametrize("zipped", [False, True])
def test_the_signature_changes_with_the_files(tmp_path, zipped):
    path = write_small(tmp_path, synthetic(), zipped=zipped)
    before = open_container(path).signature()
    assert open_container(path).signature() == before
    write_small(tmp_path, synthetic(), zipped=zipped, bands=random_bands(1200, seed=1))
    assert open_container(path).signature() != before


# ------------------------------------------------------------------------------------------- real products


def real_product() -> Path:
    (path,) = (KIT / "real_safe").glob("*.SAFE")
    return path


@needs_kit
def test_a_real_product_without_its_bands_is_refused_with_all_their_names():
    bands = ("B02", "B03", "B04", "B08", "B05", "B06", "B07", "B8A", "B11", "B12")
    refused(real_product(), "lacks", *(f"{band}_{BAND_RESOLUTION[band]}m" for band in bands))
    with pytest.raises(ProductError) as caught:
        inspect_product(real_product())
    assert "B01" not in caught.value.reason
    assert "SCL" not in caught.value.reason


@needs_kit
def test_what_is_there_of_a_real_product_can_be_used():
    with gdal_env():
        product = inspect_product(real_product(), ["SCL"])
        assert (product.tile, product.baseline, product.epsg) == ("29UNU", "04.00", 32629)
        assert product.manifest_credible
        assert set(product.offsets.values()) == {-1000}
        scl = read_scl(Scene(products=(product,)))
    assert scl.shape == (5490, 5490)
    assert scl.max() <= 11
    # About 40 % are without data.
    assert 0.35 < (scl == 0).mean() < 0.45


# ---------------------------------------------------------------------- products that are incomplete or damaged


@pytest.mark.parametrize("zipped", [False, True])
def test_all_missing_bands_are_named(tmp_path, zipped):
    path = write_small(tmp_path, synthetic(), leave_out=("B04", "B09", "B8A"), zipped=zipped)
    refused(path, "lacks", "B04_10m", "B09_60m", "B8A_20m", "fetch the whole product")


@pytest.mark.parametrize("pattern", ["MTD_MSIL2A.xml", "MTD_TL.xml"])
def test_missing_metadata_are_named(tmp_path, pattern):
    path = write_small(tmp_path, synthetic())
    the_file(path, pattern).unlink()
    refused(path, pattern)


def test_an_empty_folder_is_no_product(tmp_path):
    path = tmp_path / synthetic().name
    path.mkdir()
    refused(path, "MTD_MSIL2A.xml is missing")


def test_two_granules_are_refused(tmp_path):
    path = write_small(tmp_path, synthetic())
    granule = the_file(path, "MTD_TL.xml").parent
    shutil.copytree(granule, granule.with_name(granule.name[:-1] + "9"))
    refused(path, "2 granules")


@pytest.mark.parametrize("manifest", [True, False])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("padded", [False, True])
def test_a_truncated_band_is_refused(tmp_path, share, padded, manifest):
    path = write_small(tmp_path, synthetic())
    band = the_file(path, "*_B08_10m.jp2")
    data = band.read_bytes()
    kept = data[: int(len(data) * share)]
    band.write_bytes(kept.ljust(len(data), b"\0") if padded else kept)
    if not manifest:
        (path / "manifest.safe").unlink()
    refused(path, band.name, "fetch it again")


def test_a_flipped_byte_is_noticed_by_its_checksum(tmp_path):
    path = write_small(tmp_path, synthetic())
    band = the_file(path, "*_B08_10m.jp2")
    data = bytearray(band.read_bytes())
    data[len(data) // 2] ^= 1
    band.write_bytes(data)
    refused(path, band.name, "checksum", "manifest.safe")


def test_a_hole_in_a_band_is_noticed_without_a_manifest(tmp_path):
    path = write_small(tmp_path, synthetic(size_m=3600))
    (path / "manifest.safe").unlink()
    band = the_file(path, "*_B08_10m.jp2")
    data = bytearray(band.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = bytes(4096)
    band.write_bytes(data)
    refused(path, band.name, "zero bytes")


def test_a_manifest_that_is_wrong_throughout_is_not_believed(tmp_path):
    path = write_small(tmp_path, synthetic())
    manifest = path / "manifest.safe"
    text = manifest.read_text(encoding="utf-8")
    for file in path.rglob("*.*"):
        text = text.replace(f'size="{file.stat().st_size}"', 'size="988"')
    manifest.write_text(text, encoding="utf-8")
    assert not inspect_product(path).manifest_credible


def test_a_damaged_manifest_is_refused(tmp_path):
    path = write_small(tmp_path, synthetic())
    manifest = path / "manifest.safe"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    refused(path, "manifest.safe")


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_zip_is_refused(tmp_path, share):
    path = write_small(tmp_path, synthetic(), zipped=True)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(path, "archive cannot be read", "fetch it again")


def test_a_zip_of_something_else_is_refused(tmp_path):
    path = tmp_path / f"{synthetic().name[:-5]}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "x")
    refused(path, "does not hold one .SAFE folder")


@few
@given(st.data())
def test_no_flipped_byte_makes_a_zip_too_odd_to_be_described(tmp_path_factory, data):
    path = write_small(tmp_path_factory.mktemp("zip"), synthetic(size_m=1200), zipped=True)
    content = bytearray(path.read_bytes())
    # The table of contents stands at the end.
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.one_of(st.integers(1, 3000).map(lambda i: -i), st.integers(0, len(content) - 1)))
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        with gdal_env():
            inspect_product(path)
    except ProductError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [("compression", b"\x63\0", "an unknown method"), ("flags", b"\x01\0", "encrypted")],
)
def test_a_zip_that_cannot_be_unpacked_is_refused(tmp_path, field, value, why):
    path = write_small(tmp_path, synthetic(), zipped=True)
    content = bytearray(path.read_bytes())
    for signature, offset in (
        (b"PK\3\4", {"flags": 6, "compression": 8}),
        (b"PK\1\2", {"flags": 8, "compression": 10}),
    ):
        position = content.find(signature)
        while position >= 0:
            content[position + offset[field] : position + offset[field] + 2] = value
            position = content.find(signature, position + 4)
    path.write_bytes(content)
    refused(path, "archive")


# --------------------------------------------------------------------------- products that disagree with themselves


def test_another_tile_in_the_xml(tmp_path):
    path = write_small(tmp_path, synthetic())
    edit(path, "MTD_TL.xml", "T32UNA", "T32UPA")
    refused(path, "32UNA", "MTD_TL.xml", "32UPA")


def test_another_tile_in_the_name(tmp_path):
    path = write_small(tmp_path, synthetic())
    renamed = path.rename(path.with_name(path.name.replace("T32UNA", "T32UPA")))
    refused(renamed, "32UPA", "32UNA")


def test_another_start_in_the_xml(tmp_path):
    path = write_small(tmp_path, synthetic())
    edit(path, "MTD_MSIL2A.xml", "2018-04-18T10:40:21", "2018-04-18T10:40:22")
    refused(path, "MTD_MSIL2A.xml", "20180418T104022")


def test_another_zone_in_the_xml(tmp_path):
    path = write_small(tmp_path, synthetic())
    edit(path, "MTD_TL.xml", "EPSG:32632", "EPSG:32633")
    refused(path, "MTD_TL.xml", "32633", "32632")


def test_another_size_in_the_xml(tmp_path):
    path = write_small(tmp_path, synthetic())
    for metres in (10, 20, 60):
        edit(path, "MTD_TL.xml", f">{1200 // metres}<", f">{2400 // metres}<")
    refused(path, ".jp2", "MTD_TL.xml")


def test_sizes_that_differ_within_the_xml(tmp_path):
    path = write_small(tmp_path, synthetic())
    edit(path, "MTD_TL.xml", "<NROWS>120</NROWS>", "<NROWS>121</NROWS>")
    refused(path, "MTD_TL.xml", "1210")


def test_another_corner_in_the_xml(tmp_path):
    path = write_small(tmp_path, synthetic())
    edit(path, "MTD_TL.xml", f"<ULX>{ULX}</ULX>", f"<ULX>{ULX + 60}</ULX>")
    refused(path, ".jp2", str(ULX), str(ULX + 60), "MTD_TL.xml")


def swap_band(path: Path, other: SyntheticProduct, tmp_path: Path) -> str:
    """Put the B03 of another product into a product; return its name."""
    source = write_small(tmp_path / "other", other)
    band = the_file(path, "*_B03_10m.jp2")
    shutil.copy(the_file(source, "*_B03_10m.jp2"), band)
    (path / "manifest.safe").unlink()
    return band.name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size_m": 2400}, "240 x 240"),
        ({"ulx": ULX + 60}, str(ULX + 60)),
        ({"uly": ULY - 60}, str(ULY - 60)),
        ({"epsg": 32633}, "32633"),
    ],
)
def test_a_band_of_another_size_place_or_zone(tmp_path, changes, said):
    path = write_small(tmp_path, synthetic())
    band = swap_band(path, replace(synthetic(), **changes), tmp_path)
    refused(path, band, said)


def test_a_band_of_another_pixel_size(tmp_path):
    path = write_small(tmp_path, synthetic())
    band = the_file(path, "*_B03_10m.jp2")
    (path / "manifest.safe").unlink()
    with rasterio.open(
        band, "w", driver="JP2OpenJPEG", width=120, height=120, count=1, dtype="uint16", crs="EPSG:32632",
        transform=from_origin(ULX, ULY, 20, 20), QUALITY="100", REVERSIBLE="YES",
    ) as file:  # fmt: skip
        file.write(random_bands(1200)["B03"], 1)
    refused(path, band.name)


@pytest.mark.parametrize("name", ["S2A_MSIL2A_20180418.SAFE", "S2A_MSIL2A_x.zip", "S2A_MSIL1C_x.SAFE", "x.SAFE"])
def test_other_names_are_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    refused(tmp_path / name, "is not named like a Sentinel-2 Level-2A product")
