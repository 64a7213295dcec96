"""The small build from products of Cloud-Optimised GeoTIFFs, held against the one from the SAFE products."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seasonet_build.demo.safe import write_product
from tests.bad_input import small_build
from tests.bad_input.small_build import BEST, N_PATCHES, NEXT, SmallBuild, assert_whole_dataset, report_of
from tests.cog_products import read_item, write_cog_product, write_item
from tests.integration.support import contents, differing

NEW = replace(BEST, baseline="05.00", offset=-1000)
NEW_NEXT = replace(NEXT, baseline="05.00", offset=-1000)

pytestmark = pytest.mark.xdist_group("cogs")


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> SmallBuild:
    """Inputs with both products in the SAFE format, baseline 05.00 with its offset, and what was built of them."""
    build = SmallBuild(tmp_path_factory.mktemp("safe"))
    small_build.write_inputs(build.folder)
    shutil.rmtree(build.products)
    build.products.mkdir()
    for product, seed, cloudy in ((NEW, 1, False), (NEW_NEXT, 2, True)):
        bands = {band: (image + 1000).astype(np.uint16) for band, image in small_build.bands(seed).items()}
        write_product(build.products, product, bands, small_build.scl(cloudy))
    run = build.run()
    assert run.code == 0, run.stderr
    assert_whole_dataset(build)
    return build


def as_cogs(safe: SmallBuild, folder: Path, *, take_off: bool = True, applied: bool = True) -> SmallBuild:
    """The same inputs with both products as Cloud-Optimised GeoTIFFs; no workspace."""
    shutil.copytree(safe.folder, folder, ignore=shutil.ignore_patterns("work", "products"))
    build = SmallBuild(folder)
    for product in sorted(safe.products.iterdir()):
        write_cog_product(build.products, product, take_off=take_off, applied=applied)
    return build


def the_cog(build: SmallBuild) -> Path:
    return build.products / NEW.name.replace(".SAFE", ".COG")


@pytest.mark.parametrize("take_off", [True, False])
def test_the_dataset_is_the_same_to_the_byte(safe: SmallBuild, tmp_path: Path, take_off: bool) -> None:
    build = as_cogs(safe, tmp_path / "build", take_off=take_off, applied=take_off)
    run = build.run()
    assert (run.code, run.stderr) == (0, "")
    assert differing(contents(build.dataset), contents(safe.dataset)) == []
    again = build.run("--json")
    assert not report_of(again)["changed"]


def test_both_forms_at_once_give_the_same_and_the_safe_product_is_taken(safe: SmallBuild, tmp_path: Path) -> None:
    build = as_cogs(safe, tmp_path / "build")
    shutil.copytree(safe.products, build.products, dirs_exist_ok=True)
    run = build.run("--json")
    assert run.code == 0, run.stderr
    assert differing(contents(build.dataset), contents(safe.dataset)) == []
    aside = report_of(run)["set_aside"]
    assert isinstance(aside, list)
    doubles = [item for item in aside if "is there twice" in item["reason"]]
    assert len(doubles) == 2
    assert all(item["reason"].endswith(".SAFE is used") for item in doubles)


def test_where_the_safe_product_is_damaged_the_cog_takes_its_place(safe: SmallBuild, tmp_path: Path) -> None:
    build = as_cogs(safe, tmp_path / "build")
    damaged = Path(shutil.copytree(safe.products / NEW.name, build.products / NEW.name))
    (band,) = damaged.rglob("*_B08_10m.jp2")
    band.write_bytes(band.read_bytes()[:-100])
    run = build.run("--set", "products.damaged=set-aside")
    assert run.code == 3
    assert differing(contents(build.dataset), contents(safe.dataset)) == []


def truncate(product: Path) -> None:
    file = product / "B08.tif"
    file.write_bytes(file.read_bytes()[:-100])


def remove(product: Path) -> None:
    (product / "B08.tif").unlink()


def exchange(product: Path) -> None:
    """Put a band of another tile there, with a checksum to match."""
    item = read_item(product)
    item["assets"]["nir"]["proj:transform"][2] += 109_800
    write_item(product, item)


def turn_statement(product: Path) -> None:
    item = read_item(product)
    item["properties"]["earthsearch:boa_offset_applied"] = False
    write_item(product, item)


def malform(product: Path) -> None:
    (product / "item.json").write_text("{")


def empty(product: Path) -> None:
    """Leave a band empty where there is data: seen when patches are cut."""
    safe = product.with_suffix(".SAFE")
    shutil.copytree(product.parents[2] / "originals" / safe.name, safe)
    write_cog_product(product.parent, safe, change=lambda band, image: image * 0 if band == "B11" else image)
    shutil.rmtree(safe)


FAULTS: dict[str, Callable[[Path], None]] = {
    "B08.tif has": truncate,
    "lacks B08.tif": remove,
    "corners": exchange,
    "earthsearch:boa_offset_applied false": turn_statement,
    "item.json cannot be read": malform,
    "B11 is 0": empty,
}


@pytest.mark.parametrize("said", FAULTS)
def test_damage_is_named_and_the_next_best_takes_its_place(safe: SmallBuild, tmp_path: Path, said: str) -> None:
    build = as_cogs(safe, tmp_path / "build")
    shutil.copytree(safe.products, tmp_path / "originals")
    FAULTS[said](the_cog(build))
    run = build.run("--set", "products.damaged=set-aside")
    assert run.code == 3
    assert "Traceback" not in run.stderr
    (line,) = [line for line in run.stderr.splitlines() if NEW.name.removesuffix(".SAFE") in line]
    assert said in line
    assert_whole_dataset(build)
    assert build.patches_of(NEW) == 0
    assert build.patches_of(NEW_NEXT) == N_PATCHES
