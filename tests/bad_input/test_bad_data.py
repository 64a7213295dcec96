"""Bad input data: exit code 1, one line that names what is wrong, and no trace in the dataset.

Each fault is tried before the first build and after a good one. When it is mended, the same command gives the dataset
that good inputs give.
"""

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from seasonet_build.demo.safe import write_product
from tests.bad_input.small_build import (
    BEST,
    DISTRICTS,
    NEXT,
    SIZE,
    ULX,
    ULY,
    SmallBuild,
    Snapshot,
    assert_nothing_half_written,
    assert_nothing_temporary,
    assert_one_line,
    assert_whole_dataset,
    bands,
    scl,
    write_map,
)

Fault = Callable[[SmallBuild], None]

NAME = BEST.name.removesuffix(".SAFE")


def cut(pattern: str, share: float, *, padded: bool = False, manifest: bool = True) -> Fault:
    """Cut a file of the best product; without its manifest, only the structure of the file can tell."""

    def fault(build: SmallBuild) -> None:
        file = build.band(pattern)
        data = file.read_bytes()
        kept = data[: int(len(data) * share)]
        file.write_bytes(kept.ljust(len(data), b"\0") if padded else kept)
        if not manifest:
            (build.best / "manifest.safe").unlink()

    return fault


def as_zip(build: SmallBuild) -> Path:
    """Pack the best product."""
    path = build.best.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(path for path in build.best.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(build.products).as_posix())
    shutil.rmtree(build.best)
    return path


def cut_zip(share: float) -> Fault:
    def fault(build: SmallBuild) -> None:
        path = as_zip(build)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return fault


def flip_in_zip(build: SmallBuild) -> None:
    path = as_zip(build)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


def remove(pattern: str) -> Fault:
    def fault(build: SmallBuild) -> None:
        for path in list(build.folder.rglob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return fault


def without_bands(build: SmallBuild) -> None:
    for band in ("B02_10m", "B11_20m", "SCL_20m"):
        build.band(f"*_{band}.jp2").unlink()


def edited(pattern: str, old: str, new: str) -> Fault:
    return lambda build: build.edit(pattern, old, new)


def other_size_in_xml(build: SmallBuild) -> None:
    for metres in (10, 20, 60):
        build.edit("MTD_TL.xml", f">{SIZE // metres}<", f">{2 * SIZE // metres}<")


def other_raster(build: SmallBuild) -> None:
    """One band of another size."""
    other = replace(BEST, size_m=1200)
    pixels = {"B05": np.full((60, 60), 7, dtype=np.uint16)}
    path = write_product(build.folder / "other", other, pixels, np.full((60, 60), 4, dtype=np.uint8))
    (band,) = path.rglob("*_B05_*.jp2")
    shutil.copy(band, build.band("*_B05_*.jp2"))
    (build.best / "manifest.safe").unlink()


def entity_bomb(build: SmallBuild) -> None:
    lines = ['<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">']
    lines += [f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10)]
    build.band("MTD_MSIL2A.xml").write_text("\n".join([*lines, "]><x>&l9;</x>"]))


def zero_band(build: SmallBuild) -> None:
    """A whole product by its files, but B11 is 0 where the scene classification has data."""
    write_product(build.products, BEST, bands(1, B11=np.zeros((SIZE // 20,) * 2, dtype=np.uint16)), scl())


def zero_corner(build: SmallBuild) -> None:
    hole = bands(1)["B02"]
    hole[:30, :30] = 0
    write_product(build.products, BEST, bands(1, B02=hole), scl())


def empty_product(build: SmallBuild) -> None:
    shutil.rmtree(build.best)
    build.best.mkdir()


def two_places(build: SmallBuild) -> None:
    """One more product, which lies 60 m further east."""
    moved = replace(NEXT, start=NEXT.start.replace(day=9), ulx=ULX + 60)
    write_product(build.products, moved, bands(3), scl())


def out_of_season(build: SmallBuild) -> None:
    shutil.rmtree(build.products)
    build.products.mkdir()
    write_product(build.products, replace(BEST, start=BEST.start.replace(year=2017)), bands(1), scl())


def empty_folder(build: SmallBuild) -> None:
    shutil.rmtree(build.products)
    build.products.mkdir()


def landcover(**options: object) -> Fault:
    def fault(build: SmallBuild) -> None:
        (build.folder / "map.gpkg").unlink()
        write_map(build.folder / "map.gpkg", **options)  # type: ignore[arg-type]

    return fault


def without_crs(build: SmallBuild) -> None:
    frame = geopandas.GeoDataFrame({"CLC18": ["112"]}, geometry=[shapely.box(ULX, ULY - SIZE, ULX + SIZE, ULY)])
    with pytest.warns(UserWarning, match="crs"):
        pyogrio.write_dataframe(frame, build.folder / "map.shp")
    build.edit_config("map.gpkg", "map.shp")


def two_layers(build: SmallBuild) -> None:
    for layer in ("north", "south"):
        frame = geopandas.GeoDataFrame({"CLC18": ["112"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=25832)
        pyogrio.write_dataframe(frame, build.folder / "layers.gpkg", layer=layer)
    build.edit_config("map.gpkg", "layers.gpkg")


def cut_input(name: str, share: float) -> Fault:
    def fault(build: SmallBuild) -> None:
        data = (build.folder / name).read_bytes()
        (build.folder / name).write_bytes(data[: int(len(data) * share)])

    return fault


def text(name: str, content: str, key: str | None = None) -> Fault:
    """Write a text file, and name it in the configuration as ``area.key``."""

    def fault(build: SmallBuild) -> None:
        (build.folder / name).write_text(content)
        if key:
            build.edit_config("[area]\n", f'[area]\n{key} = "{name}"\n')

    return fault


def outline(build: SmallBuild) -> None:
    frame = geopandas.GeoDataFrame(geometry=[shapely.box(ULX + 9000, ULY, ULX + 9100, ULY + 100)], crs=25832)
    pyogrio.write_dataframe(frame, build.folder / "outline.gpkg")
    build.edit_config("[area]\n", '[area]\noutline = "outline.gpkg"\n')


FAULTS: dict[str, tuple[Fault, tuple[str, ...]]] = {
    # Products that are incomplete or damaged
    "bands missing": (without_bands, (NAME, "lacks", "B02_10m", "B11_20m", "SCL_20m")),
    "band cut to 90 %": (cut("*_B08_10m.jp2", 0.9), (NAME, "B08_10m.jp2", "fetch it again")),
    "band cut to 50 %": (cut("*_B08_10m.jp2", 0.5), (NAME, "B08_10m.jp2", "fetch it again")),
    "band cut to 10 %": (cut("*_B08_10m.jp2", 0.1), (NAME, "B08_10m.jp2", "fetch it again")),
    "band cut to nothing": (cut("*_B08_10m.jp2", 0), (NAME, "B08_10m.jp2", "fetch it again")),
    "band cut, no manifest": (cut("*_B08_10m.jp2", 0.9, manifest=False), (NAME, "B08_10m.jp2", "truncated")),
    "band padded with zeros": (cut("*_B08_10m.jp2", 0.9, padded=True), (NAME, "B08_10m.jp2", "fetch it again")),
    "band padded, no manifest": (
        cut("*_B08_10m.jp2", 0.9, padded=True, manifest=False),
        (NAME, "B08_10m.jp2", "fetch it again"),
    ),
    "classification cut": (cut("*_SCL_20m.jp2", 0.5), (NAME, "SCL_20m.jp2")),
    "zip cut to 90 %": (cut_zip(0.9), (NAME, "archive", "fetch it again")),
    "zip cut to 10 %": (cut_zip(0.1), (NAME, "archive", "fetch it again")),
    "zip with a flipped byte": (flip_in_zip, (NAME, "fetch it again")),
    "metadata missing": (remove(f"{BEST.name}/MTD_MSIL2A.xml"), (NAME, "MTD_MSIL2A.xml is missing")),
    "metadata cut": (cut("MTD_TL.xml", 0.5), (NAME, "MTD_TL.xml")),
    "metadata with entities": (entity_bomb, (NAME, "MTD_MSIL2A.xml")),
    "manifest cut": (cut("manifest.safe", 0.5), (NAME, "manifest.safe")),
    "empty product": (empty_product, (NAME, "MTD_MSIL2A.xml is missing")),
    # Products that disagree with themselves or with others
    "tile in metadata": (edited("MTD_TL.xml", "T32UNA", "T32UPA"), (NAME, "32UNA", "32UPA")),
    "size in metadata": (other_size_in_xml, (NAME, ".jp2", "MTD_TL.xml")),
    "size of a band": (other_raster, (NAME, "B05_20m.jp2", "60 x 60", "120 x 120")),
    "corner in metadata": (edited("MTD_TL.xml", f">{ULX}<", f">{ULX + 60}<"), (NAME, ".jp2", str(ULX + 60))),
    "band of zeros": (zero_band, (NAME, "B11 is 0", "SCL has data")),
    "corner of zeros": (zero_corner, (NAME, "B02 is 0 in 900 px", "SCL has data")),
    "product elsewhere": (two_places, ("20180509T104021", str(ULX + 60))),
    # No product
    "all out of season": (out_of_season, ("no usable product", "2017-04-18 is outside all season windows")),
    "no products": (empty_folder, ("no Sentinel-2 Level-2A product", "/products")),
    "no products folder": (remove("products"), ("/products: no such folder", "products.folders")),
    # Land cover
    "no class column": (landcover(column="KLASSE"), ("map.gpkg", "'CLC18'", "columns are KLASSE")),
    "code that is not CLC": (landcover(codes=("112", "999")), ("map.gpkg", "'999'", "CLC18")),
    "map elsewhere": (landcover(east=90_000), ("map.gpkg", "does not meet the area", "32UNA")),
    "map too small": (landcover(east=2000), ("32UNA", "covered by the land-cover map")),
    "map without CRS": (without_crs, ("map.shp", "has no coordinate system")),
    "map missing": (remove("map.gpkg"), ("map.gpkg: no such file",)),
    "map cut": (cut_input("map.gpkg", 0.6), ("map.gpkg",)),
    "map is a text": (text("map.gpkg", "hello"), ("map.gpkg", "cannot be read")),
    "no layer of that name": (two_layers, ("layers.gpkg", "'clc5_class*'", "north, south")),
    # Regions
    "table does not join": (text("districts.csv", DISTRICTS.replace("0100", "100")), ("districts.csv", "'01001'")),
    "table lacks a column": (text("districts.csv", DISTRICTS.replace("rtyp3", "rt")), ("districts.csv", "'rtyp3'")),
    "table has a wrong type": (
        text("districts.csv", DISTRICTS.replace(",4,", ",7,")),
        ("districts.csv", "'7'", "ktyp4"),
    ),
    "table has a word": (text("districts.csv", DISTRICTS.replace(",4,", ",vier,")), ("districts.csv", "'vier'")),
    "table missing": (remove("districts.csv"), ("districts.csv", "cannot be read")),
    "districts missing": (remove("districts.gpkg"), ("districts.gpkg", "no such file")),
    "districts cut": (cut_input("districts.gpkg", 0.6), ("districts.gpkg",)),
    # Area
    "outline missing": (
        lambda build: build.edit_config("[area]\n", '[area]\noutline = "none.gpkg"\n'),
        ("none.gpkg: no such file",),
    ),
    "outline elsewhere": (outline, ("outline.gpkg", "32UNA")),
    "tile table without sizes": (
        text("tiles.csv", f"tile,epsg,ulx,uly,size_m\n32UNA,32632,{ULX},{ULY},small\n", "tile_table"),
        ("tiles.csv, line 2",),
    ),
    "tile table lacks a column": (
        text("tiles.csv", "tile,epsg\n32UNA,32632\n", "tile_table"),
        ("tiles.csv, line 2", "ulx"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_first_build_from_bad_data(fresh: SmallBuild, base: SmallBuild, good: Snapshot, name: str) -> None:
    fault, words = FAULTS[name]
    fault(fresh)
    assert_one_line(fresh.run(), 1, *words)
    assert_nothing_half_written(fresh)
    fresh.restore_inputs(base)
    mended = fresh.run()
    assert (mended.code, mended.stderr) == (0, "")
    assert_whole_dataset(fresh)
    assert {name: data for name, (data, _) in fresh.snapshot().items()} == {n: data for n, (data, _) in good.items()}


@pytest.mark.parametrize("name", ["band cut to 90 %", "band of zeros", "code that is not CLC", "table does not join"])
def test_a_second_try_fails_like_the_first(fresh: SmallBuild, name: str) -> None:
    fault, words = FAULTS[name]
    fault(fresh)
    first, second = fresh.run(), fresh.run()
    assert first == second
    assert_one_line(second, 1, *words)
    assert_nothing_half_written(fresh)


@pytest.mark.parametrize("name", FAULTS)
def test_a_good_dataset_outlives_bad_data(built: SmallBuild, good: Snapshot, name: str) -> None:
    fault, words = FAULTS[name]
    fault(built)
    assert_one_line(built.run(), 1, *words)
    assert built.snapshot() == good
    assert_nothing_temporary(built)


def test_a_failed_first_build_does_not_settle_the_name_of_the_dataset(fresh: SmallBuild, base: SmallBuild) -> None:
    landcover(codes=("112", "999"))(fresh)
    assert fresh.run().code == 1
    fresh.restore_inputs(base)
    run = fresh.run("--set", "dataset.name=better")
    assert (run.code, run.stderr) == (0, "")


def test_all_damaged_products_are_named_at_once(fresh: SmallBuild) -> None:
    for product in sorted(fresh.products.iterdir()):
        (band,) = product.rglob("*_B08_10m.jp2")
        band.write_bytes(b"")
    assert_one_line(fresh.run(), 1, NAME, NEXT.name.removesuffix(".SAFE"))


def test_a_build_in_which_no_image_fits(fresh: SmallBuild) -> None:
    run = fresh.run("--set", "seasons.spring.max_cloud=0")
    assert "Traceback" not in run.stderr
    assert run.code in (0, 1)
    if run.code == 0:
        lines = (fresh.dataset / "meta.csv").read_text().splitlines()
        assert len(lines) == 1
        assert all((fresh.dataset / f"splits/{split}.csv").read_bytes() == b"" for split in ("train", "val", "test"))
    else:
        assert_one_line(run, 1)
