"""Running the command line and comparing folders."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

BUILDS = "SEASONET_TEST_BUILDS"
"""The environment variable that names the folder of the datasets that all tests of a run share."""

REPOSITORY = Path(__file__).absolute().parents[2]
COMMAND = Path(sys.executable).with_name("seasonet-build")


@dataclass(frozen=True)
class Built:
    """A finished build: its workspace, and what the command printed with ``--json``."""

    workspace: Path
    report: Mapping[str, Any]

    @property
    def dataset(self) -> Path:
        return self.workspace / "dataset"


def without_inputs(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The files of the demonstration's folder that a run from other inputs would write as well."""
    return {name: value for name, value in tree.items() if not name.startswith("inputs/") and name != "demo.png"}


def arguments(*args: object) -> list[str]:
    return [str(COMMAND), *map(str, args)]


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **extra}


def kit_environment(kit: Path) -> dict[str, str]:
    """What configs/kit.toml needs to find the test material."""
    return {"SEASONET_KIT": str(kit.parent)}


def seasonet(*args: object, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the real command and wait for it."""
    return subprocess.run(
        arguments(*args),
        env=environment(env or {}),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def build_once(
    name: str, command: Callable[[Path], Sequence[object]], env: Mapping[str, str] | None = None, workers: int = 2
) -> Built:
    """Run a command that fills a workspace, unless this or another worker of pytest has done so already."""
    workspace = Path(os.environ[BUILDS]) / name
    report = workspace.with_suffix(".json")
    with FileLock(workspace.with_suffix(".lock")):
        if not report.exists():
            run = seasonet(*command(workspace), "--workers", workers, "--json", env=env)
            assert run.returncode == 0, run.stderr
            report.write_text(run.stdout, encoding="utf-8")
    return Built(workspace, json.loads(report.read_text(encoding="utf-8")))


def files(folder: Path) -> dict[str, Path]:
    """All files below a folder by their relative path, but for those that tell when runs were."""
    history = (folder / "changes", folder / "state" / "run.json")
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    found = (path for path in found if path not in history and path.parent not in history)
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}


def contents(folder: Path) -> dict[str, str]:
    """The check sum of every file below a folder; in manifests, times do not count."""
    return {name: hashlib.sha256(without_times(path.read_bytes())).hexdigest() for name, path in files(folder).items()}


def without_times(content: bytes) -> bytes:
    """A file as it is, but for the times in a manifest."""
    if not (content.startswith(b"{") and b'"fingerprint"' in content):
        return content
    try:
        record = json.loads(content)
    except ValueError:  # part of one
        return content
    return json.dumps({name: value for name, value in record.items() if name not in ("finished", "seconds")}).encode()


def times(folder: Path) -> dict[str, int]:
    """When each file below a folder was written, nanoseconds."""
    return {name: path.stat().st_mtime_ns for name, path in files(folder).items()}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The names that only one of two tables has, or that have different values in them."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
