"""What tests of the whole program share: the test material, and datasets that the real command line built.

The material lies outside the repository, in the folder that SEASONET_KIT names (default: ``../shared/data`` beside
the repository). Tests that need it are skipped where it is absent.

Each dataset is built once in a run of pytest and serves all workers of pytest-xdist, however tests are dealt to them.
Tests that share one carry the same ``xdist_group`` all the same: on one worker they share their modules' fixtures too.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.integration.support import BUILDS, REPOSITORY, Built, build_once, kit_environment


def pytest_configure(config: pytest.Config) -> None:
    # It hides what becomes of output that cannot be written.
    os.environ.pop("PYTHONUNBUFFERED", None)
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
    config = REPOSITORY / "configs" / "kit.toml"
    return build_once(
        "kit", lambda workspace: ("run", config, "--set", f"paths.workspace={workspace}"), kit_environment(kit)
    )


@pytest.fixture(scope="session")
def demo_build() -> Built:
    """The dataset of ``seasonet-build demo``; its inputs are in the workspace too. Tests must not change it."""
    return build_once("demo", lambda workspace: ("demo", workspace))
