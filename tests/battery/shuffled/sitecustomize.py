"""Python loads this at its start, if its folder is on PYTHONPATH: folders are then listed in a random order.

``SEASONET_SHUFFLE`` is the seed; below the folder that ``SEASONET_SHUFFLED`` names, each process notes that it did so.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

_listdir, _scandir = os.listdir, os.scandir
_random = random.Random(os.environ.get("SEASONET_SHUFFLE", ""))


class _Scan:
    """What ``os.scandir`` returns."""

    def __init__(self, *args: Any) -> None:
        with _scandir(*args) as found:
            self._entries = iter(_shuffled(list(found)))

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> "_Scan":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def _shuffled(entries: list[Any]) -> list[Any]:
    if len(entries) > 1:
        Path(os.environ["SEASONET_SHUFFLED"], str(os.getpid())).touch()
        _random.shuffle(entries)
    return entries


def _list(*args: Any) -> list[Any]:
    return _shuffled(_listdir(*args))


if "SEASONET_SHUFFLED" in os.environ:
    os.listdir = _list  # type: ignore[assignment]
    os.scandir = _Scan  # type: ignore[assignment]
