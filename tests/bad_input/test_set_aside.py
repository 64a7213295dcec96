"""Damaged products that are set aside: the run goes on with the next best scene and ends with code 3."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seasonet_build.demo.safe import write_product
from tests.bad_input.command_line import Run
from tests.bad_input.small_build import (
    BEST,
    N_PATCHES,
    NEXT,
    SIZE,
    SmallBuild,
    Snapshot,
    assert_nothing_half_written,
    assert_one_line,
    assert_whole_dataset,
    bands,
    report_of,
    scl,
)

NAME = BEST.name.removesuffix(".SAFE")
NEXT_NAME = NEXT.name.removesuffix(".SAFE")
SET_ASIDE = ("--set", "products.damaged=set-aside")


def cut_band(build: SmallBuild) -> None:
    """Damage that is found when the product is looked at."""
    band = build.band("*_B08_10m.jp2")
    band.write_bytes(band.read_bytes()[:-100])


def zero_band(build: SmallBuild) -> None:
    """Damage that is found only when patches are cut."""
    write_product(build.products, BEST, bands(1, B11=np.zeros((SIZE // 20,) * 2, dtype=np.uint16)), scl())


Fault = Callable[[SmallBuild], None]
FAULTS = {"B08_10m.jp2": cut_band, "B11 is 0": zero_band}


def damaged_products(run: Run) -> dict[str, str]:
    """The reason why each damaged product was set aside, by the JSON report."""
    items: Any = report_of(run)["set_aside"]
    return {item["product"]: item["reason"] for item in items if item["damaged"]}


def assert_next_best(build: SmallBuild) -> None:
    assert_whole_dataset(build)
    assert build.patches_of(BEST) == 0
    assert build.patches_of(NEXT) == N_PATCHES


@pytest.mark.parametrize("said", FAULTS)
def test_the_next_best_scene_takes_its_place(fresh: SmallBuild, said: str) -> None:
    FAULTS[said](fresh)
    run = fresh.run(*SET_ASIDE, "--json")
    assert run.code == 3
    assert "Traceback" not in run.stderr
    ((product, reason),) = damaged_products(run).items()
    assert product == NAME
    assert said in reason
    assert report_of(run)["products_used"] == [NEXT_NAME]
    assert_next_best(fresh)


@pytest.mark.parametrize("said", FAULTS)
def test_the_summary_and_stderr_name_the_product(fresh: SmallBuild, said: str) -> None:
    FAULTS[said](fresh)
    run = fresh.run(*SET_ASIDE)
    assert run.code == 3
    for text in (run.stdout, run.stderr):
        (line,) = [line for line in text.splitlines() if NAME in line]
        assert said in line
    assert fresh.run(*SET_ASIDE, "-q").stderr == ""


@pytest.mark.parametrize("said", FAULTS)
def test_the_same_run_again_says_the_same_and_changes_nothing(fresh: SmallBuild, said: str) -> None:
    FAULTS[said](fresh)
    first = fresh.run(*SET_ASIDE, "--json")
    before = fresh.snapshot()
    again = fresh.run(*SET_ASIDE, "--json")
    assert again.code == 3
    assert damaged_products(again) == damaged_products(first)
    assert not report_of(again)["changed"]
    assert fresh.snapshot() == before


@pytest.mark.parametrize("said", FAULTS)
def test_a_mended_product_is_used_again(fresh: SmallBuild, base: SmallBuild, good: Snapshot, said: str) -> None:
    FAULTS[said](fresh)
    assert fresh.run(*SET_ASIDE).code == 3
    fresh.restore_inputs(base)
    run = fresh.run(*SET_ASIDE)
    assert (run.code, run.stderr) == (0, "")
    made = {name: data for name, (data, _) in fresh.snapshot().items()}
    assert made == {name: data for name, (data, _) in good.items()}


@pytest.mark.parametrize("said", FAULTS)
def test_a_product_damaged_after_a_good_build_is_replaced(built: SmallBuild, said: str) -> None:
    FAULTS[said](built)
    run = built.run(*SET_ASIDE)
    assert run.code == 3
    assert_next_best(built)


@pytest.mark.parametrize("said", FAULTS)
def test_setting_aside_may_be_forbidden_later(fresh: SmallBuild, said: str) -> None:
    FAULTS[said](fresh)
    assert fresh.run(*SET_ASIDE).code == 3
    before = fresh.snapshot()
    assert_one_line(fresh.run(), 1, NAME, said)
    assert fresh.snapshot() == before


def test_without_a_product_that_can_be_used_there_is_no_dataset(fresh: SmallBuild) -> None:
    for product in sorted(fresh.products.iterdir()):
        (band,) = product.rglob("*_B08_10m.jp2")
        band.write_bytes(b"")
    run = fresh.run(*SET_ASIDE)
    assert_one_line(run, 1, "no usable product", NAME, NEXT_NAME)
    assert_nothing_half_written(fresh)


def copy_elsewhere(build: SmallBuild) -> Path:
    """Put a good copy of the best product into another folder of products."""
    target = build.products / "0again" / BEST.name
    shutil.copytree(build.best, target)
    return target


@pytest.mark.parametrize("said", FAULTS)
def test_a_good_copy_in_another_folder_is_used_instead(fresh: SmallBuild, said: str) -> None:
    copy_elsewhere(fresh)
    FAULTS[said](fresh)
    run = fresh.run(*SET_ASIDE, "--json")
    assert run.code == 3
    assert NAME in damaged_products(run)
    assert_whole_dataset(fresh)
    assert fresh.patches_of(BEST) == N_PATCHES


@pytest.mark.parametrize("manifest", ["absent", "sizes that are no sizes"])
def test_a_manifest_that_cannot_be_believed_is_reported_once(fresh: SmallBuild, manifest: str) -> None:
    file = fresh.best / "manifest.safe"
    text = file.read_text()
    file.unlink()
    if manifest != "absent":
        file.write_text(re.sub(r'size="\d+"', 'size="988"', text))
    run = fresh.run("--json")
    assert run.code == 0
    assert report_of(run)["unverified"] == [NAME]
    (line,) = [line for line in run.stderr.splitlines() if NAME in line]
    assert "manifest.safe" in line
    again = fresh.run("--json")
    assert report_of(again)["unverified"] == []
    assert NAME not in again.stderr
