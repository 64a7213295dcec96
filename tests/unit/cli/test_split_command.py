"""``seasonet-build split``: what it prints, and wrong input: one line, and the old split stays."""

import json
import re
from pathlib import Path

import pytest

from seasonet_build.model.layout import DatasetLayout
from seasonet_build.storage import write_text
from tests.bad_input.command_line import Run, command_line
from tests.unit.helpers import contents
from tests.unit.splits.maps import ONE_TILE, make_spots, write_dataset

SPOTS = make_spots(ONE_TILE, seed=2)


def split(*args: object, cwd: Path | None = None) -> Run:
    return command_line().run("split", *args, cwd=cwd)


def refused(result: Run, code: int, *words: object) -> None:
    """Check an exit code and that stderr says some words: in one line, if it is not on usage."""
    assert "Traceback" not in result.stderr
    assert (result.code, result.stdout) == (code, "")
    # Of usage, click says more.
    if "requires" not in result.stderr and "exclude" not in result.stderr:
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
    for word in words:
        assert str(word) in result.stderr


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetLayout:
    """A dataset, and a split of it."""
    layout = write_dataset(tmp_path / "dataset", SPOTS)
    result = split(layout.root, "--json")
    assert (result.code, result.stderr) == (0, "")
    return layout


def spoil(layout: DatasetLayout, pattern: str, new: str) -> None:
    """Change the first place of meta.csv that a pattern fits."""
    text, n = re.subn(pattern, new, layout.meta_csv.read_text(), count=1, flags=re.MULTILINE)
    assert n == 1
    layout.meta_csv.write_text(text)


def test_the_report_is_printed_and_written(dataset):
    result = split(dataset.root, "--set", "split.method=blocks", "--set", "split.block_m=2400", "--json")
    assert (result.code, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert report == {**json.loads((dataset.splits / "report.json").read_text()), "kept": 0, "moved": 0}
    assert report["method"] == "blocks"
    text = split(dataset.root, "--set", "split.method=blocks", "--set", "split.block_m=2400")
    assert text.code == 0
    for words in (
        "method blocks, seed 2018",
        f"{sum(sum(n.values()) for n in report['locations'].values())} locations had a side, 0 of them moved",
        f"set aside: {report['set_aside']['locations']} locations",
        "off their share by",
        "that overlap",
        "from test to the nearest train patch",
    ):
        assert words in text.stdout
    for name in ("train", "val", "test"):
        assert re.search(rf"^{name} .* {report['images'][name]['all']} ", text.stdout, re.MULTILINE)


def test_two_splits_side_by_side(dataset, tmp_path):
    other = tmp_path / "other"
    dataset.splits.rename(other)
    assert split(dataset.root, "--set", "split.seed=1").code == 0
    before = contents(dataset.root)
    table = split(dataset.root, "--compare", other, dataset.splits)
    assert (table.code, table.stderr) == (0, "")
    assert table.stdout.splitlines()[0].split() == [str(other), str(dataset.splits)]
    assert "test overlaps train, %" in table.stdout
    figures = json.loads(split(dataset.root, "--compare", other, dataset.splits, "--json").stdout)
    assert list(figures) == [str(other), str(dataset.splits)]
    assert figures[str(dataset.splits)]["images"] == json.loads(before["splits/report.json"])["images"]
    assert contents(dataset.root) == before


def test_an_import_says_what_had_no_counterpart(dataset, tmp_path):
    ours = write_dataset(tmp_path / "ours", SPOTS[10:])
    result = split(ours.root, "--import", dataset.root)
    assert (result.code, result.stderr) == (0, "")
    assert "samples without counterpart: 0" in result.stdout
    theirs = sum(len(spot.seasons) for spot in SPOTS[:10])
    assert f"their samples without counterpart: {theirs}" in result.stdout


@pytest.mark.parametrize(
    ("pattern", "new", "words"),
    [
        (r"^3,", "4,", ("Index is not the row number",)),
        (r"^2,\w+,", "2,Sprung,", ("row 2", "Season", "'Sprung'")),
        (r"^2,(\w+),\d,", r"2,\1,3,", ("row 2", "Grid", "'3'")),
        (r"^2,(\w+),(\d),[\d.]+,", r"2,\1,\2,x,", ("row 2", "Latitude", "'x'")),
        (r"32UNA", "00UNA", ("row 0", "Path")),
        (r"\Z", "1,2\n", ("cannot be read",)),
    ],
)
def test_a_damaged_table(dataset, pattern, new, words):
    before = contents(dataset.splits)
    spoil(dataset, pattern, new)
    refused(split(dataset.root), 1, dataset.meta_csv, *words)
    assert contents(dataset.splits) == before
    assert not [path for path in dataset.root.iterdir() if path.name.startswith(".splits")]


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        (("split.train=0.8",), 2, ("split", "add up to 1.1, not 1")),
        (("split.method=blocks", "split.block_m=1e7"), 1, ("set would be empty", "split.block_m")),
        (("split.train=0.999", "split.val=0.001", "split.test=0.0"), 1, ("grid 1", "val set would be empty")),
        (("output.level=3",), 2, ("--set output.level", "only split.*")),
        (("split.sed=3",), 2, ("'split.sed'", "did you mean 'seed'?")),
        (("split.seed=-1",), 2, ("split.seed", "-1")),
        (("split.method=random",), 2, ("split.method", "random")),
        (("split.subsets=['year']",), 2, ("split.subsets", "year")),
        (("split.balance=['age']",), 2, ("split.balance", "age")),
        (("split.buffer=2",), 2, ("split.buffer", "2")),
        (("split.block_m=1000",), 2, ("split.block_m", "1000")),
    ],
)
def test_wrong_settings(dataset, settings, code, words):
    before = contents(dataset.splits)
    refused(split(dataset.root, *(part for s in settings for part in ("--set", s))), code, *words)
    assert contents(dataset.splits) == before


def test_levels_need_the_parquet(dataset):
    dataset.meta_parquet.unlink()
    refused(split(dataset.root, "--set", "split.balance=['levels']"), 1, dataset.meta_parquet, "levels")


def test_wrong_places(dataset, tmp_path):
    (tmp_path / "empty").mkdir()
    before = contents(dataset.splits)
    refused(split(tmp_path / "empty"), 1, tmp_path / "empty" / "meta.csv", "no such file")
    refused(split(tmp_path / "none"), 2, tmp_path / "none", "no such file")
    refused(split(dataset.root, "--import", tmp_path / "empty"), 1, tmp_path / "empty" / "meta.csv", "no such file")
    refused(split(dataset.root, "--import", tmp_path / "none"), 1, tmp_path / "none" / "meta.csv", "no such file")
    refused(split(dataset.root, "--compare", dataset.splits, tmp_path), 1, tmp_path / "train.csv", "no such file")
    refused(split(dataset.root, "--compare", dataset.splits, dataset.meta_csv), 1, "meta.csv", "train.csv")
    refused(split(dataset.root, "--compare", dataset.splits), 2, "'--compare' requires 2 arguments")
    both = ("--compare", dataset.splits, dataset.splits, "--import", dataset.root)
    refused(split(dataset.root, *both), 2, "--compare and --import exclude each other")
    assert contents(dataset.splits) == before
    assert [path.name for path in (tmp_path / "empty").iterdir()] == []


def test_damaged_split_files(dataset, tmp_path):
    ours = write_dataset(tmp_path / "ours", SPOTS)
    write_text(dataset.split_file("val"), "0\nnine\n")
    for args in (("--import", dataset.root), ("--compare", dataset.splits, dataset.splits)):
        refused(split(ours.root, *args), 1, dataset.split_file("val"), "line 2", "'nine'")
    assert not ours.splits.exists()


def test_a_dataset_without_samples(tmp_path):
    layout = write_dataset(tmp_path, [])
    for method in ("official", "blocks"):
        result = split(layout.root, "--set", f"split.method={method}")
        assert (result.code, result.stderr) == (0, "")


def test_what_was_kept_is_said(dataset):
    result = split(dataset.root)
    assert f"{len(SPOTS)} locations had a side, 0 of them moved" in result.stdout
