"""The command line: what commands print, and their exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from seasonet_build import __version__
from seasonet_build.cli import cli
from seasonet_build.config.starter import starter_text
from seasonet_build.model.classes import CLASSES
from seasonet_build.storage import write_text
from tests.bad_input.command_line import Run, command_line, run_plainly

COMMANDS = cli.list_commands(click.Context(cli))


def run_in_process(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def run(*args: object, cwd: Path | None = None) -> Run:
    return command_line().run(*args, cwd=cwd)


def failed(result: Run, code: int, *words: str) -> None:
    """Check an exit code and that stderr is one line with some words."""
    assert result.code == code
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


# ---------------------------------------------------------------------------------------------- help and version


def test_the_version():
    result = run_plainly("--version")
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout.split()[-1] == __version__


@pytest.mark.parametrize("args", [("--version",), ("nonsense",), ("config", "show", "none.toml"), ("classes",)])
def test_these_tests_run_the_command_line_as_a_user_does(args):
    assert run(*args) == run_plainly(*args)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_all_commands_and_the_exit_codes(option):
    result = run(option)
    assert (result.code, result.stderr) == (0, "")
    listed = [line.split()[0] for line in result.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == COMMANDS
    for code in ("0", "1", "2", "3", "11", "130"):
        assert f"{code} " in result.stdout


@pytest.mark.parametrize("command", [*COMMANDS, ("config", "show")])
def test_every_command_has_help(command: str | tuple[str, ...]):
    words = (command,) if isinstance(command, str) else command
    result = run_in_process(*words, "-h")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")
    assert "-h, --help" in result.output
    # Two lines of text at least, and an example.
    if words not in {("config",), ("classes",)}:
        assert "Example" in result.output
        assert f"seasonet-build {' '.join(words)}" in result.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--nonsense",), "No such option"),
        (("nonsense",), "No such command"),
        (("classes", "--nonsense"), "No such option"),
        (("classes", "extra"), "extra"),
        (("run",), "Missing argument 'CONFIG'"),
        (("run", "x.toml", "--workers", "0"), "--workers"),
        (("run", "x.toml", "--workers", "two"), "--workers"),
        (("preview", "x"), "'-o'"),
        (("config", "nonsense"), "No such command"),
        ((), "Usage"),
    ],
)
def test_wrong_usage_ends_with_code_2(args, said):
    result = run(*args)
    assert result.code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


# ------------------------------------------------------------------------------------------------------- classes


def test_the_classes():
    result = run("classes")
    assert (result.code, result.stderr) == (0, "")
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["label", "code", "colour", "name"]
    assert [row.split(maxsplit=3)[3] for row in rows] == [c.name for c in CLASSES]
    assert [int(row.split()[0]) for row in rows] == list(range(1, 34))
    assert rows[0].split()[1:3] == ["111", "#e6004d"]


def test_the_classes_as_json():
    classes = json.loads(run("classes", "--json").stdout)["classes"]
    assert len(classes) == 33
    assert classes[0] == {"label": 1, "code": "111", "rgb": [230, 0, 77], "name": "Continuous urban fabric"}


# ---------------------------------------------------------------------------------------------------------- init


def test_init_writes_a_configuration_that_can_be_shown(tmp_path):
    result = run("init", "deep/germany.toml", cwd=tmp_path)
    assert (result.code, result.stdout, result.stderr) == (0, "deep/germany.toml\n", "")
    assert (tmp_path / "deep" / "germany.toml").read_text(encoding="utf-8") == starter_text()
    assert run("config", "show", "deep/germany.toml", cwd=tmp_path).code == 0


def test_init_does_not_overwrite(tmp_path):
    write_text(tmp_path / "seasonet.toml", "mine")
    failed(run("init", cwd=tmp_path), 2, "seasonet.toml", "exists already")
    failed(run("init", ".", cwd=tmp_path), 2, "exists already")
    assert [path.name for path in tmp_path.iterdir()] == ["seasonet.toml"]
    assert (tmp_path / "seasonet.toml").read_text() == "mine"


def test_init_in_a_place_that_cannot_be_written_to(tmp_path):
    write_text(tmp_path / "file", "x")
    failed(run("init", "file/x.toml", cwd=tmp_path), 1, "file")


# --------------------------------------------------------------------------------------------------- config show


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_text(tmp_path / "build.toml", starter_text())
    return tmp_path / "build.toml"


def test_config_show(config):
    result = run_in_process("config", "show", config, "--set", "split.seed=7")
    assert result.exit_code == 0
    header, *rows = result.output.splitlines()
    assert header.split() == ["setting", "value", "origin"]
    by_key = {row.split()[0]: row.split()[1:] for row in rows}
    assert by_key["split.seed"] == ["7", "--set"]
    assert by_key["dataset.name"] == ['"my-seasonet"', "file"]
    assert by_key["split.val"] == ["0.1", "default"]
    assert by_key["paths.workspace"] == [f'"{config.parent / "work"}"', "file"]


def test_config_show_as_json(config):
    shown = json.loads(run_in_process("config", "show", config, "--set", "split.seed=7", "--json").output)
    assert shown["file"] == str(config)
    assert shown["settings"]["split.seed"] == {"value": 7, "origin": "--set"}
    assert shown["settings"]["area.tiles"] == {"value": ["32ULA", "32ULV"], "origin": "file"}
    assert shown["settings"]["seasons.spring.start"] == {"value": "2018-04-01", "origin": "file"}
    assert shown["settings"]["output.level"]["origin"] == "default"


def test_text_and_json_show_the_same(config):
    shown = json.loads(run_in_process("config", "show", config, "--json").output)["settings"]
    lines = run_in_process("config", "show", config).output.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(shown)
    for line, (key, setting) in zip(lines, shown.items(), strict=True):
        value = line.removeprefix(key).removesuffix(setting["origin"]).strip()
        assert json.loads(value) == setting["value"]


def test_config_show_of_a_wrong_configuration(config):
    write_text(config, starter_text().replace("[split]", "[splitt]"))
    failed(run("config", "show", config), 2, str(config), "'splitt'", "did you mean 'split'?")
    failed(run("config", "show", config.with_name("none.toml")), 2, "none.toml", "no such file", "init")


# -------------------------------------------------------------------------------------------------------- preview

META = (
    "Index,Season,Grid,Latitude,Longitude,Satellite,Year,Month,Day,Hour,Minute,Second,Clouds,Snow,Classes,SLRAUM,RTYP3,"
    "KTYP4,Path\n"
    '0,Spring,1,50.000000,9.000000,A,2018,04,18,10,40,21,0.0,0.0,"2,3",1,1,1,spring/grid1/x\n'
)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset whose table names a patch that is not there."""
    write_text(tmp_path / "dataset" / "meta.csv", META)
    return tmp_path / "dataset"


Args = Callable[[Path], tuple[object, ...]]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--location", "51.000000,9.000000"), 2, ("no location at 51.000000,9.000000",)),
        (("--location", "50.0,9.0"), 2, ("50.0,9.0", "meta.csv")),
        (("--location", "50.000000"), 2, ("--location '50.000000'", "LAT,LON")),
        (("--index", "1"), 2, ("--index 1", "0 to 0")),
        (("--index", "-1"), 2, ("--index -1",)),
        ((), 1, ("spring/grid1/x/x_", "cannot be read")),
    ],
)
def test_preview_of_what_is_not_there(dataset, tmp_path, args, code, words):
    failed(run("preview", dataset, "-o", tmp_path / "out.png", *args), code, *words)
    assert not (tmp_path / "out.png").exists()


def test_preview_takes_one_place(dataset):
    result = run("preview", dataset, "-o", "out.png", "--index", 0, "--location", "50.000000,9.000000")
    assert result.code == 2
    assert "--location or --index" in result.stderr


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        (None, ("meta.csv", "no such file")),
        ("", ("meta.csv", "cannot be read")),
        (META.partition("\n")[0] + "\n", ("no samples",)),
        (META.replace("Index", "Number"), ("meta.csv", "lacks column Index")),
        (META.replace("Path", "Folder"), ("meta.csv", "lacks column Path")),
        (META.replace("Season", "Set"), ("meta.csv", "lacks column Season")),
        (META.replace("Classes", "Labels"), ("meta.csv", "lacks column Classes")),
    ],
)
def test_preview_of_a_damaged_dataset(dataset, tmp_path, meta, words):
    (dataset / "meta.csv").unlink()
    if meta is not None:
        write_text(dataset / "meta.csv", meta)
    failed(run("preview", dataset, "-o", tmp_path / "out.png"), 1, *words)
    assert not (tmp_path / "out.png").exists()
