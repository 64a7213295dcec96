"""The kit with other settings than those of configs/kit.toml: one datatake in two baselines, and masks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize, shapes

from tests.integration.reference import ReferenceProduct
from tests.integration.support import REPOSITORY, build_once, contents, differing, kit_environment

pytestmark = pytest.mark.xdist_group("kit")

MASKS = {"mask_easy": 300, "mask_medium": 100}
"""Mask -> smallest region that counts, in pixels."""


@pytest.fixture(scope="module")
def products(kit: Path) -> dict[str, Path]:
    """Both products of the datatake of 2018-04-18 on 32ULV: N0207 without offset, N0500 with one."""
    found = (kit / "products").glob("*_20180418T104021_*_T32ULV_*.SAFE")
    return {path.name.split("_")[3]: path for path in found}


@pytest.fixture(scope="module")
def datasets(kit: Path, products: dict[str, Path]) -> dict[str, Path]:
    """A dataset from each of the two products alone, with masks."""
    built = {}
    for baseline, product in products.items():

        def command(workspace: Path, product: Path = product) -> list[object]:
            alone = workspace.with_name(f"{workspace.name}-products")
            alone.mkdir(exist_ok=True)
            (alone / product.name).symlink_to(product, target_is_directory=True)
            settings = [
                *(f"paths.workspace={workspace}", f'products.folders=["{alone}"]'),
                *('area.tiles=["32ULV"]', "output.masks=true"),
            ]
            return ["run", REPOSITORY / "configs" / "kit.toml", *(f"--set={setting}" for setting in settings)]

        built[baseline] = build_once(f"kit-{baseline}", command, kit_environment(kit), workers=1).dataset
    return built


def test_two_baselines_of_a_datatake_give_the_same_dataset(datasets):
    """Only meta.parquet tells them apart: it names the product."""
    old, new = contents(datasets["N0207"]), contents(datasets["N0500"])
    assert sum(name.endswith(".tif") for name in old) >= 9 * 20
    assert differing(old, new) == ["SHA256SUMS", "meta.parquet"]


def patches(dataset: Path) -> Iterator[tuple[str, str]]:
    """The path before the suffix of every patch's files, and the patch's path."""
    for path in pd.read_csv(dataset / "meta.csv")["Path"]:
        yield f"{dataset / path}/{path.split('/')[-1]}", path


def read(file: str) -> NDArray[Any]:
    with rasterio.open(file) as raster:
        assert (raster.count, raster.shape, raster.dtypes[0], raster.nodata) == (1, (120, 120), "uint8", None)
        return np.asarray(raster.read(1))


def test_masks_of_clouds_and_snow_are_the_scene_classification_at_10_m(datasets, products):
    classification = ReferenceProduct(products["N0500"]).classification().repeat(2, axis=0).repeat(2, axis=1)
    clouds = (classification >= 8) & (classification <= 10)
    some_cloud = False
    for stem, path in patches(datasets["N0500"]):
        with rasterio.open(f"{stem}_10m_IR.tif") as image:
            left, top = image.bounds.left, image.bounds.top
        row, col = int(5_500_020 - top) // 10, int(left - 300_000) // 10
        window = np.s_[row : row + 120, col : col + 120]
        assert np.array_equal(read(f"{stem}_clouds.tif"), clouds[window]), path
        assert np.array_equal(read(f"{stem}_snow.tif"), classification[window] == 11), path
        some_cloud |= bool(clouds[window].any())
    assert some_cloud, "no cloud in any patch: the test would not show much"


def reference_mask(labels: NDArray[np.uint8], smallest: int) -> NDArray[np.uint8]:
    """Pixels of a class whose 4-connected region in the patch has at least so many pixels."""
    outlines = [shapely.geometry.shape(outline) for outline, label in shapes(labels, connectivity=4) if label != 0]
    large = [outline for outline in outlines if outline.area >= smallest]
    mask: NDArray[np.uint8] = (
        rasterize(large, out_shape=labels.shape, dtype="uint8") if large else np.zeros_like(labels)
    )
    return mask


@pytest.mark.parametrize("mask", MASKS)
def test_masks_and_lists_of_classes_leave_out_small_regions(datasets, mask):
    dataset, level = datasets["N0500"], mask.removeprefix("mask_")
    classes = geopandas.read_parquet(dataset / "meta.parquet").set_index("Path")[f"classes_{level}"]
    some_left_out = False
    for stem, path in patches(dataset):
        labels, found = read(f"{stem}_labels.tif"), read(f"{stem}_{mask}.tif")
        assert np.array_equal(found, reference_mask(labels, MASKS[mask])), path
        assert list(classes[path]) == np.unique(labels[found > 0]).tolist(), path
        some_left_out |= bool(((labels > 0) & (found == 0)).any())
    assert some_left_out, "no small region in any patch: the test would not show much"
