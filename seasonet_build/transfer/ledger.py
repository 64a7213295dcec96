"""What was fetched and verified, so that a later run need not read it again.

A file is trusted while its size and time of change are those that it had when it was verified.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seasonet_build.storage import write_text

_FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """A file as it was when it was verified: path below the folder, bytes, time of change in nanoseconds."""

    path: str
    size: int
    mtime_ns: int


class Ledger:
    """The records of a download folder, one JSON file a product, so that none grows with the dataset."""

    def __init__(self, records: Path, folder: Path) -> None:
        """Keep records of the files below ``folder`` in ``records``."""
        self._records, self._folder = records, folder

    def is_complete(self, product: str) -> bool:
        """Tell whether a product was fetched as a whole and none of its files has been touched since."""
        entries = self._entries(self._read(product))
        return bool(entries) and all(self._is_untouched(entry) for entry in entries)

    def record(self, product: str, files: Sequence[str]) -> None:
        """Record that all files of a product are there, by their paths below the folder."""
        entries = []
        for path in files:
            stat = (self._folder / path).stat()
            entries.append([path, stat.st_size, stat.st_mtime_ns])
        self._write(product, {"files": entries})

    def unwanted_for(self, product: str) -> str | None:
        """Return the digest of the choice in which a product was not worth fetching, if there is one."""
        reason = self._read(product).get("unwanted")
        return reason if isinstance(reason, str) else None

    def record_unwanted(self, product: str, choice: str) -> None:
        """Record that a product is not worth fetching, as a choice with this digest found."""
        self._write(product, {"unwanted": choice})

    def _is_untouched(self, entry: Entry) -> bool:
        try:
            stat = (self._folder / entry.path).stat()
        except (OSError, ValueError):
            return False
        return (stat.st_size, stat.st_mtime_ns) == (entry.size, entry.mtime_ns)

    def _entries(self, record: dict[str, Any]) -> list[Entry]:
        try:
            return [Entry(str(path), int(size), int(time)) for path, size, time in record.get("files", [])]
        except (TypeError, ValueError, OverflowError):
            return []

    def _read(self, product: str) -> dict[str, Any]:
        """Return a record; one that is damaged counts as none."""
        try:
            record = json.loads(self._path(product).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) and record.get("format") == _FORMAT else {}

    def _write(self, product: str, record: dict[str, Any]) -> None:
        write_text(self._path(product), json.dumps({"format": _FORMAT, **record}) + "\n")

    def _path(self, product: str) -> Path:
        return self._records / f"{product}.json"
