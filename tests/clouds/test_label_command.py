"""``clouds label`` on a small build: what it writes, what it says, and what it refuses."""

import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from seasonet_build.clouds.examples import CANDIDATES
from seasonet_build.clouds.features import FEATURES
from seasonet_build.demo.safe import write_product
from seasonet_build.engine.lock import locked
from tests.bad_input.command_line import Run, command_line
from tests.bad_input.small_build import BEST, SmallBuild, assert_one_line, bands, report_of, scl, write_inputs

pytestmark = pytest.mark.xdist_group("label")

SNOWY = [replace(BEST, start=start) for start in (datetime(2019, 1, 20, 10, 40, 21), datetime(2019, 2, 14, 10, 40, 21))]
SHARE = 0.25


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> SmallBuild:
    """Two snowy scenes of five patches each; a quarter of every patch is snow."""
    small = SmallBuild(tmp_path_factory.mktemp("build"))
    write_inputs(small.folder)
    classes = scl()
    classes[:, ::4] = 11
    for seed, product in enumerate(SNOWY):
        write_product(small.products, product, bands(10 + seed), classes)
    return small


def label(build: SmallBuild, page: Path, *args: object) -> Run:
    return command_line().run("clouds", "label", build.config, "-o", page, *args, cwd=build.folder)


@pytest.fixture(scope="module")
def first(build: SmallBuild) -> tuple[Run, Path]:
    page = build.folder / "out" / "page.html"
    return label(build, page, "--near", 3, "--uniform", 4, "--workers", 1, "--json"), page


def rows_of(page: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(page.with_suffix(".parquet")).to_pylist()
    return rows


def test_a_page_and_a_table_are_written_and_nothing_of_the_dataset(build: SmallBuild, first: tuple[Run, Path]) -> None:
    run, page = first
    assert run.code == 0, run.stderr
    table = page.with_suffix(".parquet")
    wanted = {"page": str(page), "table": str(table), "candidates": 10, "scenes": 2, "near": 3, "uniform": 4}
    assert report_of(run) == wanted
    assert sorted(path.name for path in page.parent.iterdir()) == ["page.html", "page.parquet"]
    assert pq.read_schema(table).equals(CANDIDATES, check_metadata=True)
    assert not build.dataset.exists()


def test_the_page_shows_the_patches_of_the_table(first: tuple[Run, Path]) -> None:
    _, page = first
    text = page.read_text(encoding="utf-8")
    start = text.index('<script id="data" type="application/json">')
    data = json.loads(text[text.index("{", start) : text.index("</script>", start)])
    shown = {patch["id"]: patch["part"] for patch in data["patches"]}
    assert shown == {row["id"]: row["part"] for row in rows_of(page)}
    assert (data["dataset"], data["file"]) == ("small", "page")


def test_the_table_tells_what_the_products_hold(first: tuple[Run, Path]) -> None:
    _, page = first
    dates = set()
    for row in rows_of(page):
        assert row["scene"] == f"32UNA_{str(row['date']).replace('-', '')}T104021_S2A"
        assert (row["cloud"], row["snow"], row["scl_snow"]) == (0, SHARE, SHARE)
        dates.add(row["date"])
        seed = ["2019-01-20", "2019-02-14"].index(str(row["date"]))
        west, north = (600 * (int(str(row["grid"])) - 1) + 1200 * int(str(row[axis])) for axis in ("col", "row"))
        b11 = bands(10 + seed)["B11"][north // 20 : north // 20 + 60, west // 20 : west // 20 + 60]
        assert row["b11_p50"] == pytest.approx(np.median(b11) / 10_000)
        assert all(row[name] is not None for name in FEATURES)
    assert len(dates) == 2


def test_the_same_command_gives_the_same_bytes_for_any_number_of_workers(
    build: SmallBuild, first: tuple[Run, Path], tmp_path: Path
) -> None:
    _, page = first
    again = tmp_path / "page.html"
    run = label(build, again, "--near", 3, "--uniform", 4, "--workers", 2)
    assert run.code == 0, run.stderr
    assert "7 of 10 snowy patches" in run.stdout
    for suffix in (".html", ".parquet"):
        assert again.with_suffix(suffix).read_bytes() == page.with_suffix(suffix).read_bytes()


def test_another_seed_draws_others(build: SmallBuild, first: tuple[Run, Path], tmp_path: Path) -> None:
    _, page = first
    other = tmp_path / "page.html"
    assert label(build, other, "--near", 3, "--uniform", 4, "--workers", 1, "--seed", 1).code == 0
    assert [row["id"] for row in rows_of(other)] != [row["id"] for row in rows_of(page)]


def test_a_build_without_a_classifier_has_candidates_too_and_too_few_are_said(
    build: SmallBuild, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    run = label(build, page, "--set", "snow.classifier=none", "--workers", 1)
    assert run.code == 0, run.stderr
    assert "there are 10 candidates left for it, not 350" in run.stderr
    assert len(rows_of(page)) == 10


def test_without_snow_there_is_one_line_and_no_file(build: SmallBuild, tmp_path: Path) -> None:
    bare = SmallBuild(tmp_path / "bare")
    shutil.copytree(build.folder, bare.folder, ignore=shutil.ignore_patterns("work", "out"))
    for product in SNOWY:
        shutil.rmtree(bare.products / product.name)
    run = label(bare, bare.folder / "page.html", "--workers", 1)
    assert_one_line(run, 1, "no snowy patches to label")
    assert not list(bare.folder.glob("page*"))


@pytest.mark.parametrize(
    ("args", "words"),
    [(("-o", "page.htm"), "ends in .html"), (("-o", "page.html", "--near", 0, "--uniform", 0), "both 0")],
)
def test_wrong_usage_is_told_before_anything_is_read(
    build: SmallBuild, tmp_path: Path, args: tuple[object, ...], words: str
) -> None:
    run = command_line().run("clouds", "label", tmp_path / "no.toml", *args, cwd=tmp_path)
    assert run.code == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.iterdir())


def test_a_workspace_in_use_and_a_place_that_cannot_be_are_one_line_each(build: SmallBuild, tmp_path: Path) -> None:
    with locked(build.workspace):
        assert_one_line(label(build, tmp_path / "page.html"), 11, "another run")
    (tmp_path / "file").touch()
    assert_one_line(label(build, tmp_path / "file" / "page.html", "--workers", 1, "-q"), 1, tmp_path / "file")
