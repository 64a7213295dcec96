"""What a check of a dataset finds, and the report of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any

from seasonet_build.verify.files import shown


class Mode(StrEnum):
    """How far files of patches are looked at: their sizes, their bytes, or the pixels in them."""

    QUICK = "quick"
    BYTES = "bytes"
    PIXELS = "pixels"


class Kind(StrEnum):
    """What is wrong with a file or folder.

    Altered: it is not what was recorded, or cannot be read. Wrong: it says what cannot be true of the dataset.
    """

    MISSING = "missing"
    EXTRA = "extra"
    ALTERED = "altered"
    WRONG = "wrong"


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """Something wrong: the path is relative to the dataset, that of a folder ends in ``/``; texts can be printed."""

    kind: Kind
    path: str
    reason: str = ""


@dataclass
class Findings:
    """Problems and notes in the order in which they were found."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def missing(self, path: str) -> None:
        """Add a file or folder that should be there."""
        self._add(Kind.MISSING, path)

    def extra(self, paths: Iterable[str]) -> None:
        """Add files or folders that belong to nothing."""
        for path in paths:
            self._add(Kind.EXTRA, path)

    def altered(self, path: str, reason: str) -> None:
        """Add a file that is not what it was."""
        self._add(Kind.ALTERED, path, reason)

    def wrong(self, path: str, reason: str) -> None:
        """Add a file that says what cannot be true."""
        self._add(Kind.WRONG, path, reason)

    def named(self) -> set[str]:
        """Return the paths that something is wrong with."""
        return {problem.path for problem in self.problems}

    def _add(self, kind: Kind, path: str, reason: str = "") -> None:
        self.problems.append(Problem(kind, shown(path), shown(reason)))


@dataclass(frozen=True)
class Report:
    """The result of a check; problems are sorted and each is there once.

    Attributes:
        dataset: the folder that was checked.
        mode: how far files were looked at.
        patches: number of patches that should be there.
        files: number of files that are there and were looked at.
        checked_bytes: how many bytes of files of patches were read, or would be, in mode quick.
        recorded: whether files of patches could be held against a record.
        problems: what is wrong.
        notes: what else is to be said.
    """

    dataset: str
    mode: Mode
    patches: int
    files: int
    checked_bytes: int
    recorded: bool
    problems: Sequence[Problem]
    notes: Sequence[str]

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        result: dict[str, Any] = {
            "dataset": self.dataset,
            "mode": self.mode.value,
            "patches": self.patches,
            "files": self.files,
            "bytes": self.checked_bytes,
            "recorded": self.recorded,
            "ok": self.ok,
        }
        for kind in Kind:
            own = [problem for problem in self.problems if problem.kind == kind]
            with_reasons = kind in (Kind.ALTERED, Kind.WRONG)
            result[kind.value] = [{"path": p.path, "reason": p.reason} if with_reasons else p.path for p in own]
        return {**result, "notes": list(self.notes)}


def sorted_once(problems: list[Problem]) -> list[Problem]:
    """Return problems in the order of reports: by kind, then path, then reason; each once."""
    order = {kind: position for position, kind in enumerate(Kind)}
    problems.sort(key=lambda problem: (order[problem.kind], problem.path, problem.reason))
    # Of a dataset without its patches there are nine million.
    return [problem for problem, _ in groupby(problems)]
