"""The log file, and how commands end: signals, a full disk, errors that nobody thought of."""

import errno
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seasonet_build import __version__
from seasonet_build.cli.endings import end_with
from tests.bad_input.command_line import Run, command_line

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def run(*args: object, cwd: Path | None = None) -> Run:
    return command_line().run(*args, cwd=cwd)


def lines(log: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="ascii").splitlines()]


def script(text: str, *args: object) -> "subprocess.CompletedProcess[str]":
    """Run some lines of Python as a process of their own."""
    command = [sys.executable, "-c", text, *map(str, args)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


# ------------------------------------------------------------------------------------------------ what is in the file


def test_a_log_tells_how_a_run_began_and_ended(tmp_path):
    log = tmp_path / "logs" / "new" / "seasonet.jsonl"
    assert run("classes", "--json", "--log-file", log) == run("classes", "--json")
    first, last = lines(log)
    for line in (first, last):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert (line["level"], line["command"]) == ("INFO", "classes")
        assert line["logger"].startswith("seasonet_build")
        assert line["pid"] == first["pid"]
    assert first["version"] == __version__
    assert first["arguments"] == ["classes", "--json", "--log-file", str(log)]
    assert first["config"] is None
    assert last["exit_code"] == 0
    assert 0 <= last["seconds"] < 60
    # Another run adds to it.
    assert run("classes", "-q", "--log-file", log).code == 0
    assert lines(log)[:2] == [first, last]
    assert [line.get("exit_code") for line in lines(log)] == [None, 0, None, 0]


@pytest.mark.parametrize("options", [(), ("-q",), ("-v",), ("-vv",)])
def test_the_error_of_a_run_is_in_its_log(tmp_path, options):
    plain = run("config", "show", "none.toml", cwd=tmp_path)
    logged = run("config", "show", "none.toml", "--log-file", "log", *options, cwd=tmp_path)
    assert logged == plain
    first, error, last = lines(tmp_path / "log")
    assert (first["config"], first["command"]) == (str(tmp_path / "none.toml"), "config show")
    assert (error["level"], f"error: {error['message']}\n") == ("ERROR", plain.stderr)
    assert last["exit_code"] == plain.code == 2
    # Where in the program it came from is for those who look for its mistakes.
    assert ("Traceback" in error.get("exception", "")) == ("-vv" in options)


TALK = """
import logging, sys
from pathlib import Path
from seasonet_build.cli.logs import set_up_logging
verbose, quiet = sys.argv[2].count("v"), "q" in sys.argv[2]
set_up_logging(verbose, quiet, Path(sys.argv[1]) if sys.argv[1] else None, "run", None)
for name in ("seasonet_build.engine", "seasonet_builder", "botocore", "urllib3"):
    for level in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger(name), level)("%s %s", name, level)
"""
LEVELS = ["debug", "info", "warning", "error"]


@pytest.mark.parametrize(("options", "shown"), [("q", 3), ("", 2), ("v", 1), ("vv", 0)])
def test_the_file_is_told_more_than_a_person_and_stderr_is_as_without_it(tmp_path, options, shown):
    log = tmp_path / "log"
    said = script(TALK, log, options).stderr
    assert said == script(TALK, "", options).stderr
    ours = [line.split()[-1] for line in said.splitlines() if " seasonet_build.engine " in line]
    assert ours == LEVELS[shown:]
    written = [line["message"].split() for line in lines(log)[1:]]
    assert [level for name, level in written if name == "seasonet_build.engine"] == LEVELS[
        0 if options == "vv" else 1 :
    ]
    # Libraries may name what is secret when they are asked for everything.
    assert [level for name, level in written if name == "botocore"] == ["warning", "error"]
    assert [level for name, level in written if name == "urllib3"] == ["error"]
    assert len(written) == len({tuple(words) for words in written})


def test_a_message_stays_one_line_whatever_is_in_it(tmp_path):
    text = 'two\nlines, "quotes", \u00fc, \u2028, \udcff and \x00'
    code = "import sys; from pathlib import Path; from seasonet_build.cli.logs import LogFile\n"
    code += "LogFile(Path(sys.argv[1]), 'run', False).say(40, eval(sys.argv[2]), {'what': Path('x')})"
    assert script(code, tmp_path / "log", ascii(text)).stderr == ""
    (line,) = lines(tmp_path / "log")
    assert (line["message"], line["what"]) == (text, "x")


def test_the_environment_may_name_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONET_LOG_FILE", str(tmp_path / "a"))
    run("classes")
    run("classes", "--log-file", tmp_path / "b")
    assert len(lines(tmp_path / "a")) == len(lines(tmp_path / "b")) == 2
    monkeypatch.setenv("SEASONET_LOG_FILE", "")
    assert run("classes").code == 0


# ---------------------------------------------------------------------------------- files that cannot be written to


@pytest.mark.parametrize("path", [".", "file/log", "/proc/log"])
def test_a_log_that_cannot_be_written_to_stops_a_command_before_it_does_anything(tmp_path, path):
    (tmp_path / "file").write_text("x")
    refused = run("init", "new.toml", "--log-file", path, cwd=tmp_path)
    assert (refused.code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: --log-file: ")
    assert f"{tmp_path / path} cannot be written to: " in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


@needs_full
@pytest.mark.parametrize("command", [("classes", "-q"), ("config", "show", "none.toml")])
def test_a_full_disk_ends_the_log_and_not_the_run(command):
    plain, logged = run(*command), run(*command, "--log-file", FULL)
    assert (logged.code, logged.stdout) == (plain.code, plain.stdout)
    warning, *others = logged.stderr.splitlines(keepends=True)
    assert warning == "WARNING: /dev/full: logging ends here: [Errno 28] No space left on device\n"
    assert "".join(others) == plain.stderr


ROTATE = """
import logging, shutil, sys
from pathlib import Path
from seasonet_build.cli.logs import set_up_logging
log = Path(sys.argv[1])
set_up_logging(0, False, log, "run", None)
def say(text): logging.getLogger("seasonet_build").info(text)
say("one")
log.rename(log.with_suffix(".1"))
say("two")
say("three")
log.parent.rename(log.parent.with_name("gone"))
log.parent.write_text("in the way")
say("four")
say("five")
"""


def test_a_log_may_be_renamed_while_a_run_writes_to_it(tmp_path):
    """As logrotate does; and then its whole folder goes."""
    done = script(ROTATE, tmp_path / "logs" / "log")
    assert done.returncode == 0
    assert [line["message"] for line in lines(tmp_path / "gone" / "log.1")][1:] == ["one"]
    assert [line["message"] for line in lines(tmp_path / "gone" / "log")] == ["two", "three"]
    (warning,) = done.stderr.splitlines()
    assert warning.startswith(f"WARNING: {tmp_path / 'logs' / 'log'}: logging ends here: ")


# ------------------------------------------------------------------------------------------------------------ endings


@contextmanager
def waiting(folder: Path, **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """A command that waits for its configuration to be written, until it is told to stop."""
    os.mkfifo(folder / "slow.toml")
    command = [sys.executable, "-m", "seasonet_build", "config", "show", "slow.toml", "--log-file", "log"]
    process = subprocess.Popen(
        command, cwd=folder, text=True, stdout=subprocess.DEVNULL, **{"stderr": subprocess.PIPE, **options}
    )
    with process:
        try:
            wait_for(lambda: (folder / "log").exists() and len(lines(folder / "log")) == 1)
            time.sleep(0.5)  # it has to be in the midst of opening the pipe
            yield process
        finally:
            process.kill()


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def endings(log: Path) -> list[object]:
    error, last = lines(log)[1:]
    return [error["level"], error["message"], last["exit_code"]]


INTERRUPTED = ["ERROR", "interrupted; run the same command again to go on", 130]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_in_order(tmp_path, name):
    with waiting(tmp_path) as process:
        process.send_signal(signal.Signals[name])
        _, error = process.communicate(timeout=30)
        assert process.returncode == 130
        assert error.strip() == f"error: {INTERRUPTED[1]}"
    assert endings(tmp_path / "log") == INTERRUPTED


def test_the_end_of_its_terminal_ends_a_command_in_order(tmp_path):
    """Its terminal cannot be written to then."""
    ours, its = os.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(its, termios.TIOCSCTTY, 0)

    with waiting(tmp_path, stderr=its, start_new_session=True, preexec_fn=take_terminal) as process:
        os.close(its)
        os.close(ours)
        assert process.wait(timeout=30) == 130
    assert endings(tmp_path / "log") == INTERRUPTED


def test_nohup_is_heeded(tmp_path):
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with waiting(tmp_path, preexec_fn=ignore) as process:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        (tmp_path / "slow.toml").write_text("nonsense")
        _, error = process.communicate(timeout=30)
        assert process.returncode == 2
        assert "slow.toml" in error


def test_the_log_of_a_command_whose_results_nobody_reads_has_an_end(tmp_path):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "seasonet_build", "classes", "--log-file", str(tmp_path / "log")]
    done = subprocess.run(command, check=False, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert done.stderr == ""
    assert lines(tmp_path / "log")[-1]["exit_code"] == done.returncode


@needs_full
def test_a_full_disk_is_said_in_one_line(tmp_path):
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "seasonet_build", "classes", "--log-file", str(tmp_path / "log")]
        done = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    said = "the disk is full: free some space and run the same command again; what is done is kept"
    assert (done.returncode, done.stderr) == (1, f"error: {said}\n")
    assert endings(tmp_path / "log") == ["ERROR", said, 1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/data/x.tif"), "the disk is full: /data/x.tif: free some"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/data/x.tif"), "the disk is full: /data/x.tif: free some"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x.tif"), "Permission denied: '/data/x.tif'"),
        (MemoryError(), "out of memory; use fewer --workers"),
    ],
)
def test_what_the_system_refuses_is_said_in_one_line(capsys, error, said):
    assert end_with(error) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


MISTAKE = """
import sys
from pathlib import Path
from seasonet_build import cli
from seasonet_build.cli.logs import set_up_logging
def command(**_):
    set_up_logging(0, True, Path(sys.argv[1]), "run", None)
    raise ZeroDivisionError("by nought")
cli.cli.main = command
cli.main()
"""


def test_an_error_that_nobody_thought_of_is_in_the_log(tmp_path):
    done = script(MISTAKE, tmp_path / "log")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert endings(tmp_path / "log") == ["CRITICAL", "ZeroDivisionError: by nought", 1]
