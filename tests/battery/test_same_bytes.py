"""The same inputs and configuration give the same bytes, wherever and however a run is carried out."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.battery.conftest import Record
from tests.battery.crash_build import CrashBuild
from tests.battery.processes import run_to_end
from tests.integration.support import REPOSITORY, Built

SHUFFLED = Path(__file__).with_name("shuffled")


@dataclass(frozen=True)
class Circumstances:
    """How a run is carried out; ``shuffle`` is the seed by which folders are listed in another order."""

    workers: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    shuffle: int | None = None
    umask: int = 0o022
    workspace: str = "work"
    elsewhere: bool = False

    def __str__(self) -> str:
        parts = [f"{self.workers} workers", *(f"{k}={v}" for k, v in self.env.items())]
        parts += [f"listings shuffled by {self.shuffle}"] if self.shuffle is not None else []
        parts += [f"umask {self.umask:03o}"] if self.umask != 0o022 else []
        parts += [f"in {self.workspace!r}"] if self.workspace != "work" else []
        return ", ".join(parts + (["from another folder"] if self.elsewhere else []))


FAR_EAST = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
TOGETHER = Circumstances(2, FAR_EAST, shuffle=1, umask=0o077, workspace="Größe ﬁ 大 work", elsewhere=True)
ONE_BY_ONE = (
    *(Circumstances(workers) for workers in (1, 2, 8)),
    *(Circumstances(workers, shuffle=seed) for seed, workers in ((3, 1), (4, 2), (5, 8))),
    *(Circumstances(env={"TZ": zone}) for zone in ("Pacific/Kiritimati", "America/St_Johns")),
    *(Circumstances(env={"LC_ALL": name}) for name in ("C", "C.UTF-8", "tr_TR.UTF-8")),
    *(Circumstances(env={"PYTHONHASHSEED": seed}) for seed in ("0", "12345")),
    *(Circumstances(umask=umask) for umask in (0o077, 0)),
    Circumstances(workspace="a b/ç 大"),
    Circumstances(elsewhere=True),
)


def build(config: Path, folder: Path, circumstances: Circumstances, env: Mapping[str, str]) -> Path:
    """Build in a folder and return the dataset."""
    workspace = folder / circumstances.workspace
    notes = folder / "shuffled"
    notes.mkdir()
    shuffling = {}
    if circumstances.shuffle is not None:
        path = os.pathsep.join([str(SHUFFLED), *filter(None, [os.environ.get("PYTHONPATH")])])
        shuffling = {
            "PYTHONPATH": path,
            "SEASONET_SHUFFLE": str(circumstances.shuffle),
            "SEASONET_SHUFFLED": str(notes),
        }
    options = ("--workers", circumstances.workers, "--set", f"paths.workspace={workspace}")
    run = run_to_end(
        *("run", config, *options),
        cwd=folder if circumstances.elsewhere else config.parent,
        env={**env, **circumstances.env, **shuffling},
        umask=circumstances.umask,
    )
    assert run.code == 0, run.stderr
    assert (circumstances.shuffle is not None) == any(notes.iterdir())
    return workspace / "dataset"


def sums(dataset: Path) -> dict[str, str]:
    files = (path for path in dataset.rglob("*") if path.is_file())
    return {path.relative_to(dataset).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def modes(dataset: Path) -> str:
    """Return the permissions that files and folders have."""
    files = {f"{path.stat().st_mode & 0o777:03o}" for path in dataset.rglob("*") if path.is_file()}
    folders = {f"{path.stat().st_mode & 0o777:03o}" for path in dataset.rglob("*") if path.is_dir()}
    return f"files {'/'.join(sorted(files))}, folders {'/'.join(sorted(folders))}"


def compare(config: Path, tmp_path: Path, several: tuple[Circumstances, ...], env: Mapping[str, str]) -> list[str]:
    """Build in plain circumstances and in several others; return what there is to tell of each."""
    (tmp_path / "plain").mkdir()
    plain = sums(build(config, tmp_path / "plain", Circumstances(), env))
    assert len(plain) > 80
    told = []
    for number, circumstances in enumerate(several):
        folder = tmp_path / str(number)
        folder.mkdir()
        dataset = build(config, folder, circumstances, env)
        found = sums(dataset)
        differing = sorted(name for name in plain.keys() | found.keys() if plain.get(name) != found.get(name))
        assert differing == [], f"{circumstances}: {len(differing)} files differ"
        told.append(f"{circumstances}: {modes(dataset)}")
    return told


def test_circumstances_do_not_change_a_byte(tmp_path: Path, full: bool, record: Record) -> None:
    small = CrashBuild(tmp_path / "small")
    small.write_inputs()
    told = compare(small.config, tmp_path, (TOGETHER, *ONE_BY_ONE) if full else (TOGETHER,), {})
    for text in told:
        record(6, f"small build, {text}", differing=0)


@pytest.mark.xdist_group("demo")
def test_circumstances_do_not_change_a_byte_of_the_demonstration(
    request: pytest.FixtureRequest, tmp_path: Path, full: bool, record: Record
) -> None:
    if not full:
        pytest.skip("a part of the whole battery (scripts/battery.sh)")
    demo: Built = request.getfixturevalue("demo_build")
    env = {"SEASONET_DEMO": str(demo.workspace)}
    several = (TOGETHER, Circumstances(2), Circumstances(8, shuffle=6))
    for text in compare(REPOSITORY / "configs" / "demo.toml", tmp_path, several, env):
        record(6, f"demonstration, {text}", differing=0)
