"""Damaging datasets at random, and mending them again."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Damage:
    """Damages a dataset: each file in one way only.

    ``flipped``, ``swapped``, ``truncated``, ``deleted`` and ``added`` are the paths of files so damaged.
    """

    root: Path
    seed: int
    flipped: set[str] = field(default_factory=set)
    swapped: set[str] = field(default_factory=set)
    truncated: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._sizes: dict[str, int] = {}
        self._undo: list[Callable[[], object]] = []

    @property
    def named(self) -> set[str]:
        """All that is not as it was."""
        return self.flipped | self.swapped | self.truncated | self.deleted | self.added

    @property
    def seen_by_size(self) -> set[str]:
        """What is there and was not, or the other way round, or has another size."""
        swapped = {path for path in self.swapped if (self.root / path).stat().st_size != self._sizes[path]}
        return swapped | self.truncated | self.deleted | self.added

    def flip(self, path: str) -> None:
        """Flip one bit."""
        data = bytearray(self._keep(path))
        data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        (self.root / path).write_bytes(data)
        self.flipped.add(path)

    def truncate(self, path: str) -> None:
        """Cut off the end."""
        data = self._keep(path)
        (self.root / path).write_bytes(data[: self.random.randrange(len(data))])
        self.truncated.add(path)

    def swap(self, path: str, other: str) -> None:
        """Exchange the contents of two files."""
        data, others = self._keep(path), self._keep(other)
        assert data != others
        (self.root / path).write_bytes(others)
        (self.root / other).write_bytes(data)
        self.swapped |= {path, other}

    def delete(self, path: str) -> None:
        """Delete a file."""
        self._keep(path)
        (self.root / path).unlink()
        self.deleted.add(path)

    def delete_folder(self, path: str) -> None:
        """Delete a folder; its files are missing then."""
        for file in sorted((self.root / path).iterdir()):
            self.delete(f"{path}/{file.name}")
        (self.root / path).rmdir()

    def add(self, path: str) -> None:
        """Add a file, and the folders that it lies in."""
        file = self.root / path
        fresh = next((p for p in reversed(file.parents) if not p.exists()), None)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.random.randbytes(self.random.randrange(50)))
        self._undo.append(file.unlink if fresh is None else lambda: shutil.rmtree(fresh))
        self.added.add(path)

    def spread(self, files: Iterable[str], shares: dict[str, int]) -> None:
        """Damage some of many files, so many in each way."""
        rest = sorted(files)
        self.random.shuffle(rest)
        for _ in range(shares["flip"]):
            self.flip(rest.pop())
        for _ in range(shares["truncate"]):
            self.truncate(rest.pop())
        for _ in range(shares["delete"]):
            self.delete(rest.pop())
        for _ in range(shares["swap"]):
            self.swap(rest.pop(), rest.pop())

    def mend(self) -> None:
        """Make everything as it was."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def _keep(self, path: str) -> bytes:
        file = self.root / path
        data = file.read_bytes()
        self._sizes[path] = len(data)

        def restore() -> None:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(data)

        self._undo.append(restore)
        return data
