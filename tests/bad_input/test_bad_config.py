"""Wrong configurations and wrong places to write to: exit code 2, one line, nothing written."""

import shutil

import pytest

from tests.bad_input.command_line import command_line, run_plainly
from tests.bad_input.small_build import (
    SmallBuild,
    Snapshot,
    assert_nothing_temporary,
    assert_one_line,
    assert_whole_dataset,
)

EDITS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "unknown section": ("[area]", "[aria]", ("build.toml", "'aria'", "did you mean 'area'?")),
    "unknown key": ("tiles =", "tile =", ("build.toml", "'area.tile'", "did you mean 'tiles'?")),
    "missing key": ('name = "small"', "# no name", ("build.toml", "dataset.name", "required")),
    "windows that overlap": (
        "[area]",
        "[seasons.spring]\nend = 2018-07-20\n[area]",
        ("build.toml", "spring and summer overlap"),
    ),
    "tile that does not exist": ('["32UNA"]', '["32UNX"]', ("build.toml", "area.tiles", "'32UNX' does not exist")),
    "shares": ("val = 0.0", "val = 0.1", ("build.toml", "split", "1.1")),
    "no TOML": ("[area]", "[area", ("build.toml", "not valid TOML", "line 5")),
    "two mistakes": ("[split]", "[split]\nseed = -1\nsed = 1", ("split.seed", "'split.sed'")),
    "variable that is not set": ('"map.gpkg"', '"${NOT_SET_ANYWHERE}/x"', ("labels.source", "NOT_SET_ANYWHERE")),
    "home that does not exist": ('"work"', '"~nosuchuser/x"', ("paths.workspace", "nosuchuser")),
    "layer that is no text": ("[regions]", "layers = 5\n[regions]", ("labels.layers", "5")),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_wrong_configuration(fresh: SmallBuild, name: str) -> None:
    old, new, words = EDITS[name]
    fresh.edit_config(old, new)
    assert_one_line(fresh.run(), 2, *words)
    assert not fresh.workspace.exists()
    fresh.edit_config(new, old)
    assert fresh.run().code == 0
    assert_whole_dataset(fresh)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("split.seed", ("--set 'split.seed'", "section.key=value")),
        ("=7", ("--set '=7'",)),
        ("splitt.seed=7", ("'splitt'", "did you mean 'split'?")),
        ("split.seed=seven", ("split.seed", "'seven'")),
        ("dataset.name.x=1", ("dataset.name.x", "is a value")),
        ("area.tiles=32UNA", ("area.tiles", "'32UNA'")),
        ("seasons.spring.max_cloud=500", ("seasons.spring.max_cloud", "500")),
        ("output.compression=jpeg", ("output.compression", "'jpeg'")),
    ],
)
def test_a_wrong_override(built: SmallBuild, good: Snapshot, override: str, words: tuple[str, ...]) -> None:
    assert_one_line(built.run("--set", override), 2, *words)
    assert built.snapshot() == good


def test_a_missing_configuration(tmp_path) -> None:
    run = command_line().run("run", "none.toml", cwd=tmp_path)
    assert_one_line(run, 2, "none.toml: no such file", "seasonet-build init")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["run", "patchify", "split"])
def test_every_command_refuses_a_wrong_configuration(fresh: SmallBuild, command: str) -> None:
    fresh.edit_config("[area]", "[aria]")
    assert_one_line(command_line().run(command, fresh.config), 2, "'aria'")
    assert not fresh.workspace.exists()


def test_a_user_sees_the_same_without_these_tests(fresh: SmallBuild) -> None:
    fresh.edit_config("[area]", "[aria]")
    plain = run_plainly("run", fresh.config, "--workers", 1, cwd=fresh.folder)
    assert plain == fresh.run()
    assert_one_line(plain, 2, "'aria'")


# ------------------------------------------------------------------------------------------- where to write to


def test_a_dataset_of_another_configuration_is_left_alone(built: SmallBuild, good: Snapshot) -> None:
    run = built.run("--set", "dataset.name=other")
    assert_one_line(run, 2, built.dataset, "'small'", "'other'", "paths.dataset")
    assert built.snapshot() == good
    assert built.run().code == 0


def test_a_folder_with_other_files_is_left_alone(fresh: SmallBuild) -> None:
    mine = fresh.folder / "mine"
    (mine / "spring").mkdir(parents=True)
    (mine / "spring" / "photo.tif").write_bytes(b"mine")
    run = fresh.run("--set", "paths.dataset=mine")
    assert_one_line(run, 2, mine, "not a dataset of this program", "paths.dataset")
    assert [path.name for path in mine.rglob("*")] == ["spring", "photo.tif"]
    assert (mine / "spring" / "photo.tif").read_bytes() == b"mine"
    # An empty folder will do.
    shutil.rmtree(mine / "spring")
    assert fresh.run("--set", "paths.dataset=mine").code == 0


def test_a_file_in_the_place_of_the_dataset(fresh: SmallBuild) -> None:
    (fresh.folder / "mine").write_text("x")
    assert_one_line(fresh.run("--set", "paths.dataset=mine"), 2, fresh.folder / "mine")
    assert (fresh.folder / "mine").read_text() == "x"


@pytest.mark.parametrize("workspace", ["file", "file/inner"])
def test_a_file_in_the_place_of_the_workspace(fresh: SmallBuild, workspace: str) -> None:
    (fresh.folder / "file").write_text("x")
    run = fresh.run("--set", f"paths.workspace={workspace}")
    assert_one_line(run, 2, "paths.workspace", fresh.folder / workspace, "cannot be written to")
    assert (fresh.folder / "file").read_text() == "x"


def test_a_damaged_marker_of_the_dataset(built: SmallBuild) -> None:
    (built.dataset / ".seasonet-build.json").write_text("{")
    before = built.snapshot()
    assert_one_line(built.run(), 2, ".seasonet-build.json", "cannot be read")
    assert built.snapshot() == before


def test_splitting_before_there_is_a_dataset(fresh: SmallBuild) -> None:
    run = command_line().run("split", fresh.config, cwd=fresh.folder)
    assert_one_line(run, 1, fresh.dataset / "meta.csv", "no such file", "patchify")
    assert not fresh.dataset.exists()


@pytest.mark.parametrize("text", ["", "Index,Grid\n0,1\n", "Index,Grid,Latitude,Longitude\n5,1,50.0,9.0\n"])
def test_splitting_a_damaged_table(built: SmallBuild, good: Snapshot, text: str) -> None:
    (built.dataset / "meta.csv").write_text(text)
    # As a folder it is taken at its word; as the dataset of a configuration its tables are put back.
    run = command_line().run("split", built.dataset, cwd=built.folder)
    assert_one_line(run, 1, built.dataset / "meta.csv")
    assert {n: s for n, s in built.snapshot().items() if n not in ("meta.csv", ".lock")} == {
        n: s for n, s in good.items() if n != "meta.csv"
    }
    assert_nothing_temporary(built)
    assert command_line().run("split", built.config, cwd=built.folder).code == 0
    assert {name: content for name, (content, _) in built.snapshot().items() if name != ".lock"} == {
        name: content for name, (content, _) in good.items()
    }


def test_a_demo_in_the_place_of_a_file(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    run = command_line().run("demo", "file", cwd=tmp_path)
    assert_one_line(run, 2, "file", "cannot be written to")
