"""Looking at files as they are: no links are followed, and names that are no text are shown all the same."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

LEFTOVERS = (".staging", ".publishing", ".publishing.part", ".splits.new", ".splits.old")
"""Folders of the program at the top of a dataset that are there while a run is at work, or when it was interrupted."""

OWN = (".seasonet-build.json", ".lock", ".holder.json")
"""Files of the program at the top of a dataset that belong to it without being part of it."""


def shown(path: str) -> str:
    """Return a path as text that can be printed: a name may be any bytes."""
    if path.isascii() and path.isprintable():
        return path
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def files_below(root: Path, path: str) -> Iterator[str]:
    """Give the files below a folder or the file itself, relative to ``root``, and folders that are empty, with ``/``.

    A folder that cannot be listed counts as empty.
    """
    full = f"{root}/{path}"
    if not os.path.isdir(full) or os.path.islink(full):  # noqa: PTH112, PTH114 - names are many and may be any bytes
        yield path
        return
    names = listing(full) or []
    if not names:
        yield f"{path}/"
    for name in names:
        yield from files_below(root, f"{path}/{name}")


def listing(folder: str) -> list[str] | None:
    """Return the sorted names in a folder; None: it cannot be listed."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - plain strings: they are a million
    except OSError:
        return None


def odd_kind(mode: int) -> str | None:
    """Return what a thing is that should be a regular file, by its mode; None: it is one."""
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISLNK(mode):
        return "is a symbolic link"
    return "is a folder" if stat.S_ISDIR(mode) else "is a special file"


def unreadable(error: OSError) -> str:
    """Return the reason for a file that cannot be read."""
    return f"cannot be read: {error.strerror or error}"
