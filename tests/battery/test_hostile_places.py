"""Names and places that lead a run to where it has no business: nothing outside is read or written."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seasonet_build.config import load_config
from seasonet_build.engine.places import check_places
from seasonet_build.errors import ConfigError
from tests.bad_input.command_line import command_line
from tests.bad_input.small_build import BEST, CONFIG, SmallBuild, assert_one_line, report_of, write_inputs


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write a configuration with inputs of which only the names are there."""
    text = CONFIG
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "build.toml").write_text(text)
    return folder / "build.toml"


def dataset(place: str) -> tuple[str, str]:
    return ('workspace = "work"', f'workspace = "work"\ndataset = "{place}"')


def workspace(place: str) -> tuple[str, str]:
    return ('workspace = "work"', f'workspace = "{place}"')


def products(place: str) -> tuple[str, str]:
    return ('folders = ["products"]', f'folders = ["{place}"]')


# ------------------------------------------------------------------------------------------ the configuration

PLACES: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "workspace is the root": (workspace("/"), ("paths.workspace", "/", "root folder")),
    "workspace climbs to the root": (workspace("../" * 40), ("paths.workspace", "root folder")),
    "workspace is the home folder": (workspace("~"), ("paths.workspace", "home folder")),
    "workspace is the home folder by a variable": (workspace("${HOME}/x/.."), ("paths.workspace", "home folder")),
    "workspace is the products": (workspace("products"), ("paths.workspace", "products.folders")),
    "workspace in the products": (workspace("products/a/b"), ("paths.workspace", "products.folders")),
    "workspace is the map": (workspace("map.gpkg"), ("paths.workspace", "labels.source")),
    "dataset is the root": (dataset("/"), ("paths.dataset", "root folder")),
    "dataset is the home folder": (dataset("~/"), ("paths.dataset", "home folder")),
    "dataset is the workspace": (dataset("work"), ("paths.dataset", "is the workspace")),
    "dataset around the workspace": (dataset("work/.."), ("paths.dataset", "lies around the workspace")),
    **{
        f"dataset in {name}": (dataset(f"work/{name}/x"), ("paths.dataset", f"work/{name}", "belongs to the workspace"))
        for name in ("labels", "observations", "patches", "tables", "state", "landcover", "changes", "edition")
    },
    "dataset is the state": (dataset("work/state"), ("paths.dataset", "belongs to the workspace")),
    "dataset climbs into the products": (dataset("work/../products/x"), ("paths.dataset", "products.folders")),
    "dataset is the districts": (dataset("districts.gpkg"), ("paths.dataset", "regions.source")),
    "dataset is the table": (dataset("districts.csv"), ("paths.dataset", "regions.table")),
    "products in the dataset": (products("work/dataset/spring"), ("products.folders", "work/dataset")),
    "map in the dataset": (('"map.gpkg"', '"work/dataset/map.gpkg"'), ("labels.source", "work/dataset")),
    "outline in the dataset": (("[area]", '[area]\noutline = "work/dataset/x"'), ("area.outline", "work/dataset")),
    "downloads into the state": (products("work/state/x"), ("products.folders", "belongs to the workspace")),
    "downloads into the labels": (
        (
            '["products"]\ndamaged = "stop"',
            '["products", "work/labels"]\n[download]\nfolder = "work/labels"',
        ),
        ("download.folder", "belongs to the workspace"),
    ),
    "name with a path": (('name = "small"', 'name = "../../etc"'), ("dataset.name", "../../etc")),
    "name that is a folder": (('name = "small"', 'name = ".."'), ("dataset.name", "..")),
    "tile with a path": (('["32UNA"]', '["../../etc"]'), ("area.tiles", "../../etc")),
}


@pytest.mark.parametrize("case", PLACES)
def test_places_that_can_never_be_meant(tmp_path, monkeypatch, case):
    home = tmp_path / "home"
    (home / "build").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    change, words = PLACES[case]
    with pytest.raises(ConfigError) as caught:
        load_config(written(home / "build", change))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert [path.name for path in home.rglob("*")] == ["build", "build.toml"]


@pytest.mark.parametrize(
    "change",
    [
        *(dataset("out"), dataset("../out"), dataset("work/dataset"), dataset("work/out/../other"), workspace("../w")),
        *(products("work/inputs/products"), products("work/products"), workspace("~/work")),
        ('"map.gpkg"', '"work/inputs/map.gpkg"'),
    ],
)
def test_places_that_are_as_good_as_any(tmp_path, monkeypatch, change):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "build").mkdir()
    check_places(load_config(written(tmp_path / "build", change)).config)


def test_a_link_does_not_hide_a_place(tmp_path):
    (tmp_path / "products").mkdir()
    (tmp_path / "innocent").symlink_to("products")
    with pytest.raises(ConfigError, match=r"paths\.dataset: .*innocent/x lies in .*products"):
        load_config(written(tmp_path, dataset("innocent/x")))


# ------------------------------------------------------------------------------------------ links in the workspace


@pytest.mark.parametrize(
    "place",
    [
        *("labels", "observations", "patches", "tables", "landcover", "edition", "state", "state/cut", "changes"),
        *(".lock", "dataset/spring", "dataset/snow/grid1", "dataset/splits", "dataset/.staging"),
    ],
)
def test_links_that_lead_out_are_refused(tmp_path, place):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = tmp_path / "work" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(ConfigError) as caught:
        check_places(load_config(written(tmp_path)).config)
    key = "paths.dataset" if place.startswith("dataset") else "paths.workspace"
    for word in (key, str(link), str(outside)):
        assert word in str(caught.value)
    assert list(outside.iterdir()) == []


def test_the_workspace_itself_may_be_a_link(tmp_path):
    for name in ("disk/work", "disk/data"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "work").symlink_to("disk/work")
    (tmp_path / "work" / "dataset").symlink_to("../data")
    (tmp_path / "work" / "state").symlink_to("tables")
    check_places(load_config(written(tmp_path)).config)


# ------------------------------------------------------------------------------------------ through the command line


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> SmallBuild:
    """Good inputs; not to be changed."""
    build = SmallBuild(tmp_path_factory.mktemp("base"))
    write_inputs(build.folder)
    build.edit_config('damaged = "stop"', 'damaged = "set-aside"')
    return build


@pytest.fixture
def build(base: SmallBuild, tmp_path: Path) -> SmallBuild:
    shutil.copytree(base.folder, tmp_path / "build")
    return SmallBuild(tmp_path / "build")


@pytest.mark.parametrize("command", ["run", "patchify", "split", "download"])
def test_no_command_writes_among_its_inputs(build: SmallBuild, command):
    build.edit_config('"work"', '"products/work"')
    before = sorted(build.folder.rglob("*"))
    run = command_line().run(command, build.config, cwd=build.folder)
    assert_one_line(run, 2, "paths.workspace", build.products / "work", "products.folders")
    assert sorted(build.folder.rglob("*")) == before


NAMES: dict[str, bytes] = {
    "too long": b"S2A_MSIL2A_" + b"x" * 230 + b".SAFE",
    "two lines": b"S2A_MSIL2A_\n\x1b[2J.SAFE",
    "no text": b"S2A_MSIL2A_\xff\xfe.SAFE",
    "other digits": BEST.name.replace("_N0207", "_N\u0660207").encode(),
    "climbs": b"S2A_MSIL2A_..SAFE",
    "archive": b"S2A_MSIL2A_\\..\\..\\x.zip",
    "in a folder that is no text": b"\xff\xfe/" + BEST.name.encode(),
}


def test_products_with_hostile_names_are_set_aside(build: SmallBuild):
    for name in NAMES.values():
        path = build.products / os.fsdecode(name)
        if path.suffix == ".zip":
            path.write_bytes(b"x")
        else:
            path.mkdir(parents=True)
    os.mkfifo(build.products / BEST.name.replace("T134021.SAFE", "T134022.zip"))
    outside = sorted(path for path in build.folder.rglob("*") if path != build.workspace)
    run = build.run("--json")
    assert run.code == 3, run.stderr
    assert "Traceback" not in run.stderr
    lines = [line for line in run.stderr.splitlines() if "set aside" in line]
    assert len(lines) == len(NAMES) + 1
    assert "\x1b" not in run.stderr
    assert report_of(run)
    written_to = [path for path in build.folder.rglob("*") if not path.is_relative_to(build.workspace)]
    assert sorted(written_to) == outside
    records = {path.name for path in (build.workspace / "state" / "inspect").iterdir()}
    assert all(name.startswith(("S2A_MSIL2A_2018", "landcover", "regions", "meta")) for name in records)


PATHS: list[Callable[[SmallBuild], None]] = [
    lambda build: build.edit("MTD_MSIL2A.xml", "<IMAGE_FILE>", "<IMAGE_FILE>../../../../etc/"),
    lambda build: build.edit("MTD_TL.xml", "_T32UNA_", "_T../../../../etc/x_"),
    lambda build: build.edit("MTD_MSIL2A.xml", ">02.07<", ">../../../x<"),
]


@pytest.mark.parametrize("spoil", PATHS)
def test_paths_in_metadata_do_not_become_paths_of_results(build: SmallBuild, spoil):
    spoil(build)
    before = {p for p in build.folder.parent.rglob("*") if not p.is_relative_to(build.workspace)}
    run = build.run()
    assert run.code in (0, 3), run.stderr
    assert "Traceback" not in run.stderr
    after = {p for p in build.folder.parent.rglob("*") if not p.is_relative_to(build.workspace)}
    assert after == before
