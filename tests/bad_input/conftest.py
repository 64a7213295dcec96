"""A small build, made once a session and copied for each test."""

import shutil
from pathlib import Path

import pytest

from tests.bad_input.small_build import SmallBuild, Snapshot, assert_whole_dataset, write_inputs


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> SmallBuild:
    """Good inputs, and the dataset that was built of them; not to be changed."""
    made = SmallBuild(tmp_path_factory.mktemp("base"))
    write_inputs(made.folder)
    run = made.run()
    assert run.code == 0, run.stderr
    assert_whole_dataset(made)
    return made


@pytest.fixture(scope="session")
def good(base: SmallBuild) -> Snapshot:
    """The files of the dataset that good inputs lead to."""
    return base.snapshot()


@pytest.fixture
def fresh(base: SmallBuild, tmp_path: Path) -> SmallBuild:
    """Good inputs without a workspace."""
    shutil.copytree(base.folder, tmp_path / "build", ignore=shutil.ignore_patterns("work"))
    return SmallBuild(tmp_path / "build")


@pytest.fixture
def built(base: SmallBuild, tmp_path: Path) -> SmallBuild:
    """Good inputs and a finished dataset."""
    shutil.copytree(base.folder, tmp_path / "build")
    return SmallBuild(tmp_path / "build")
