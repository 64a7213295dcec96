"""What tests of the whole program share: the test material, and datasets that the real command line built.

The material lies outside the repository, in the folder that SEASONET_KIT names (default: ``../shared/data`` beside
the repository). Tests that need it are skipped where it is absent.

Each dataset is built once in a run of pytest and serves all workers of pytest-xdist. Tests that share one carry the
same ``xdist_group``, so that ``--dist loadgroup`` brings them to one worker, with the fixtures of their modules;
``--dist loadfile`` does nearly as well.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

from tests.integration.support import REPOSITORY, Built, kit_environment, seasonet

BUILDS = "SEASONET_TEST_BUILDS"
"""The environment variable by which workers learn where the datasets are."""


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[BUILDS] = tempfile.mkdtemp(prefix="seasonet-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(BUILDS), ignore_errors=True)


@pytest.fixture(scope="session")
def kit() -> Path:
    """The folder ``kit`` of the test material: products, land cover, regions of a real place."""
    named = os.environ.get("SEASONET_KIT")
    root = Path(named).absolute() if named else REPOSITORY.parent / "shared" / "data"
    if not (root / "kit").is_dir():
        pytest.skip(f"the test material is not there: {root / 'kit'} (SEASONET_KIT names the folder that holds 'kit')")
    return root / "kit"


@pytest.fixture(scope="session")
def kit_build(kit: Path) -> Built:
    """The dataset of configs/kit.toml; tests must not change it."""
    workspace = Path(os.environ[BUILDS]) / "kit"
    config = REPOSITORY / "configs" / "kit.toml"
    return built_once(workspace, ("run", config, "--set", f"paths.workspace={workspace}"), kit_environment(kit))


@pytest.fixture(scope="session")
def demo_build() -> Built:
    """The dataset of ``seasonet-build demo``; its inputs are in the workspace too. Tests must not change it."""
    workspace = Path(os.environ[BUILDS]) / "demo"
    return built_once(workspace, ("demo", workspace), {})


def built_once(workspace: Path, command: tuple[object, ...], env: dict[str, str]) -> Built:
    """Run a command that fills a workspace, unless this or another worker of pytest has done so already."""
    report = workspace.with_suffix(".json")
    with FileLock(workspace.with_suffix(".lock")):
        if not report.exists():
            run = seasonet(*command, "--workers", 2, "--json", env=env)
            assert run.returncode == 0, run.stderr
            report.write_text(run.stdout, encoding="utf-8")
    return Built(workspace, json.loads(report.read_text(encoding="utf-8")))
