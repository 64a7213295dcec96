"""What runs unattended: the files in scripts/cron, and what docs/operations.md says."""

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import click
import pytest

from seasonet_build.cli import cli
from seasonet_build.cli.logs import LogFile
from seasonet_build.errors import ExitCode
from seasonet_build.storage import write_text
from tests.bad_input.command_line import command_line
from tests.bad_input.small_build import SmallBuild, report_of, write_inputs

REPOSITORY = Path(__file__).resolve().parent.parent
CRON = REPOSITORY / "scripts" / "cron"
DOCUMENT = REPOSITORY / "docs" / "operations.md"
INSTALLED = "/opt/seasonet-build"
"""Where the files in scripts/cron take the repository to be."""

Popen = subprocess.Popen[str]

pytestmark = pytest.mark.xdist_group("operations")


def find_command(words: list[str]) -> click.Command:
    """The command that some words begin with, such as ``config show x.toml``."""
    command: click.Command = cli
    context = click.Context(cli)
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(context, word)
        assert found is not None, f"there is no command {word} in {' '.join(words)}"
        command = found
    return command


def check_usage(text: str) -> None:
    """Check that a command line of the program names a command and options that it has."""
    words = shlex.split(text, comments=True)[1:]
    command = find_command(words)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert used <= known | {"-h", "--help"}, text


def unit(name: str) -> configparser.ConfigParser:
    """A unit file of systemd; a key that is given again replaces what was before."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((CRON / name).read_text(encoding="utf-8"))
    return parser


# ------------------------------------------------------------------------------------------------------- scripts/cron


def test_systemd_takes_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    units = []
    for file in [*CRON.glob("*.service"), *CRON.glob("*.timer")]:
        text = file.read_text(encoding="utf-8").replace(INSTALLED, str(REPOSITORY))
        units.append(tmp_path / file.name)
        units[-1].write_text(text, encoding="utf-8")
    assert len(units) == 3
    command = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if "Failed to" in done.stderr and str(tmp_path) not in done.stderr:
        pytest.skip(f"systemd-analyze does not work here: {done.stderr.splitlines()[0]}")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_calls_what_is_there_and_knows_the_exit_codes():
    service = unit("seasonet-build.service")
    program, *arguments = service["Service"]["ExecStart"].split()
    assert os.access(program.replace(INSTALLED, str(REPOSITORY)), os.X_OK)
    assert len(arguments) == 1
    harmless = {int(code) for code in service["Service"]["SuccessExitStatus"].split()}
    assert harmless == {ExitCode.LOCKED, ExitCode.INTERRUPTED}
    template = service["Unit"]["OnFailure"].replace("%n", "")
    assert (CRON / template).is_file()
    assert unit("seasonet-build.timer")["Timer"]["Persistent"] == "true"


def test_cron_takes_the_table():
    lines = (CRON / "seasonet-build.cron").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    assert settings.keys() == {"MAILTO", "SEASONET_BUILD", "SEASONET_LOG_FILE"}
    (job,) = [line for line in lines if not re.match(r"\w+=", line)]
    *times, command = job.split(maxsplit=5)
    for text, low, high in zip(times, (0, 0, 1, 1, 0), (59, 23, 31, 12, 7), strict=True):
        assert text == "*" or low <= int(text) <= high
    assert "%" not in command  # cron makes a line break of it
    (script,) = [word for word in command.split() if word.startswith(INSTALLED)]
    assert os.access(script.replace(INSTALLED, str(REPOSITORY)), os.X_OK)
    assert settings["SEASONET_LOG_FILE"] in unit("seasonet-build.service")["Service"]["Environment"]


def test_logrotate_renames_a_log_that_is_written_to(tmp_path):
    if shutil.which("logrotate") is None:
        pytest.skip("logrotate is not here")
    logs = tmp_path / "logs"
    text = (CRON / "logrotate.conf").read_text(encoding="utf-8").replace("/var/log/seasonet-build", str(logs))
    text = re.sub(r"\n +su .*", "", text).replace(" seasonet seasonet", "")
    (tmp_path / "conf").write_text(text, encoding="utf-8")
    (tmp_path / "conf").chmod(0o644)
    log = LogFile(logs / "seasonet.jsonl", "run", verbose=False)
    log.say(20, "before")
    command = ["logrotate", "--state", str(tmp_path / "state"), "--verbose", "--force", str(tmp_path / "conf")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    log.say(20, "after")
    log.close()
    said = {file.name: json.loads(file.read_text())["message"] for file in logs.iterdir()}
    assert said == {"seasonet.jsonl.1": "before", "seasonet.jsonl": "after"}


def test_logrotate_is_told_of_the_file_that_is_written():
    text = (CRON / "logrotate.conf").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"^(/\S+) \{$", text, re.MULTILINE)
    (name,) = re.findall(r"SEASONET_LOG_FILE=(\S+)", (CRON / "seasonet-build.service").read_text(encoding="utf-8"))
    assert Path(name).match(pattern)
    assert not re.search(r"^\s*copytruncate", text, re.MULTILINE)


# --------------------------------------------------------------------------------------------- the script for both


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> SmallBuild:
    """A small dataset; damaged products are set aside."""
    build = SmallBuild(tmp_path_factory.mktemp("operations") / "build")
    write_inputs(build.folder)
    build.edit_config('damaged = "stop"\n', '[download]\nprovider = "folder"\n')
    assert build.run().code == 0
    return build


@pytest.fixture
def copy(built: SmallBuild, tmp_path: Path) -> SmallBuild:
    shutil.copytree(built.folder, tmp_path / "build")
    return SmallBuild(tmp_path / "build")


def script(folder: Path, *args: object, program: str = f'exec {sys.executable} -m seasonet_build "$@"') -> Popen:
    """Start what cron and systemd call; ``program`` is what it takes for seasonet-build, in the shell's words."""
    (folder / "program").write_text(f"#!/bin/sh\n{program}\n")
    (folder / "program").chmod(0o755)
    environment = {
        **os.environ,
        "SEASONET_BUILD": str(folder / "program"),
        "SEASONET_LOG_FILE": str(folder / "log.jsonl"),
        "PYTHONPATH": str(REPOSITORY),
    }
    command = [str(CRON / "seasonet-build.sh"), *map(str, args)]
    return Popen(command, cwd=folder, env=environment, stdout=PIPE, stderr=PIPE, text=True)


def outcome(process: Popen) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout, stderr


ENDS_WITH = """\
echo "$@" >> calls
echo "results"
case $1 in download) code=%d;; run) code=%d;; esac
[ $code = 0 ] || [ $code = 3 ] || echo "error: $1" >&2
exit $code"""


@pytest.mark.parametrize(
    ("download", "run", "code", "said"),
    [
        (0, 0, 0, []),
        (3, 0, 3, ["seasonet-build download my.toml: some products could not be used"]),
        (0, 3, 3, ["seasonet-build run my.toml: some products could not be used"]),
        (3, 3, 3, ["seasonet-build download my.toml", "seasonet-build run my.toml"]),
        (3, 1, 1, ["seasonet-build download my.toml", "error: run"]),
        (0, 11, 11, ["error: run"]),
        (2, None, 2, ["error: download"]),
        (11, None, 11, ["error: download"]),
        (130, None, 130, ["error: download"]),
    ],
)
def test_the_script_prints_what_is_wrong_and_nothing_else(tmp_path, download, run, code, said):
    program = ENDS_WITH % (download, 99 if run is None else run)
    ended, stdout, stderr = outcome(script(tmp_path, "my.toml", "--workers", 2, program=program))
    assert (ended, stdout) == (code, "")
    lines = stderr.splitlines()
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True))
    assert all(str(tmp_path / "log.jsonl") in line for line in lines if "could not" in line)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == (["download"] if run is None else ["download", "run"])
    for call in calls:
        assert call.split()[1:] == ["my.toml", "--workers", "2", "--quiet"]
        check_usage(f"seasonet-build {call}")


def test_the_script_hands_a_signal_on(tmp_path):
    os.mkfifo(tmp_path / "slow.toml")  # a configuration that the program waits for
    with script(tmp_path, "slow.toml") as process:
        # The log begins when the program has set up everything but its work.
        deadline = time.monotonic() + 60
        while not (tmp_path / "log.jsonl").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        code, stdout, stderr = outcome(process)
    assert (code, stdout, stderr.strip()) == (130, "", "error: interrupted; run the same command again to go on")
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert (last["command"], last["exit_code"]) == ("download", 130)


# ------------------------------------------------------------------------------------------------- docs/operations.md


def documented_commands() -> list[str]:
    """The command lines of the document; an error message shows one as well."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.startswith("    seasonet-build ")]


def test_the_commands_of_the_document_exist():
    commands = documented_commands()
    assert len(commands) >= 4
    for command in commands:
        check_usage(command)
    with pytest.raises(AssertionError):
        check_usage("seasonet-build run x.toml --nonsense")


def test_the_document_says_what_to_do_for_every_exit_code():
    listed = re.findall(r"^\| (\d+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == [str(int(code)) for code in ExitCode]


def test_the_lines_of_a_log_are_as_the_document_shows(tmp_path):
    run = SmallBuild(tmp_path).run("--log-file", tmp_path / "log")
    assert run.code == 2
    first, _, last = (json.loads(line) for line in (tmp_path / "log").read_text().splitlines())
    shown = re.findall(r'^\{"time": .*\}$', DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    examples = [json.loads(line) for line in shown]
    assert len(examples) >= 3
    assert examples[0].keys() == first.keys()
    assert examples[-1].keys() == last.keys()
    assert all(line.keys() == last.keys() - {"exit_code", "seconds"} for line in examples[1:-1])


def test_the_document_names_all_that_a_build_leaves(built):
    text = DOCUMENT.read_text(encoding="utf-8")
    left = [path for folder in (built.workspace, built.dataset) for path in folder.iterdir()]
    assert len(left) > 10
    missing = [path.name for path in left if f"`{path.name}{'/' if path.is_dir() else ''}`" not in text]
    assert missing == []


def ran(build: SmallBuild, *args: object) -> set[str]:
    """Run a build again; return the stages that had something to do."""
    run = build.run("--json", *args)
    assert (run.code, run.stderr) == (0, "")
    stages = report_of(run)["stages"]
    assert isinstance(stages, dict)
    return {stage for stage, counts in stages.items() if counts["done"]}


def test_a_workspace_may_be_moved(copy, tmp_path):
    ran(copy)  # The inputs have been moved.
    before = copy.snapshot()
    moved = tmp_path / "moved"
    copy.workspace.rename(moved)
    assert ran(copy, "--set", f"paths.workspace={moved}") == set()
    # Even a copy whose files have other times.
    shutil.copytree(moved, copy.workspace, copy_function=shutil.copyfile)
    assert ran(copy) == set()
    assert {name: data for name, (data, _) in copy.snapshot().items()} == {n: data for n, (data, _) in before.items()}


def test_inputs_may_be_moved_and_are_looked_at_again(copy, tmp_path):
    before = copy.snapshot()
    copy.folder.rename(tmp_path / "moved")
    moved = SmallBuild(tmp_path / "moved")
    assert ran(moved) <= {"inspect", "source", "locate"}
    assert moved.snapshot() == before
    assert ran(moved) == set()


def test_a_configuration_for_another_year_shares_the_products(copy):
    """As the document tells: another name, another workspace, other windows."""
    text = copy.config.read_text()
    text = text.replace('name = "small"', 'name = "next"').replace('workspace = "work"', 'workspace = "next"')
    write_text(copy.folder / "next.toml", text + "[seasons.spring]\nstart = 2018-05-01\nend = 2018-05-31\n")
    before = copy.snapshot()
    run = copy.run("--json", "--set", "dataset.name=next")
    assert run.code == 2
    config = copy.folder / "next.toml"
    run = command_line().run("run", config, "--workers", 1, cwd=copy.folder)
    assert (run.code, run.stderr) == (0, "")
    rows = (copy.folder / "next" / "dataset" / "meta.csv").read_text().splitlines()[1:]
    assert rows
    assert all("_20180508T" in row for row in rows)
    assert copy.snapshot() == before
