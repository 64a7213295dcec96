"""Checking a dataset in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from seasonet_build.verify.check import verify_dataset
from seasonet_build.verify.findings import Mode, Report


@contextmanager
def no_progress(_stage: str, _total: int) -> Iterator[Callable[[], None]]:
    yield lambda: None


def verify(root: Path, mode: Mode = Mode.BYTES) -> Report:
    return verify_dataset(root, mode, 1, no_progress)


def problems(root: Path, mode: Mode = Mode.BYTES) -> dict[str, tuple[str, str]]:
    """What is wrong: kind and reason by path; of each path there is one."""
    found = verify(root, mode).problems
    named = {problem.path: (problem.kind.value, problem.reason) for problem in found}
    assert len(named) == len(found), found
    return named
