"""What a stage has to do, and what of it failed: for those who want to know how a build stands.

Nothing is decided by it. A unit is done when its manifest says so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seasonet_build.storage import write_text


@dataclass(frozen=True)
class Listed:
    """The units of a stage when it was last run: fingerprints, and why some failed, by key."""

    units: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Agenda:
    """The agenda of one stage: ``agenda/<stage>.json`` in the folder of manifests."""

    def __init__(self, state: Path, stage: str) -> None:
        """Keep the agenda of a stage in the folder of manifests."""
        # Not in the stage's own folder: there every JSON file is a manifest.
        self._file = state / "agenda" / f"{stage}.json"

    def begin(self, units: Mapping[str, str]) -> None:
        """Note what there is to do; failures of units that are not among them, or have changed, are forgotten."""
        last = self.read()
        failed = {key: reason for key, reason in last.failed.items() if units.get(key) == last.units.get(key, "")}
        self._write(last, Listed(dict(units), failed))

    def note_failures(self, failed: Mapping[str, str]) -> None:
        """Note which units failed, in place of those that had."""
        last = self.read()
        self._write(last, Listed(last.units, dict(failed)))

    def read(self) -> Listed:
        """Return what was noted; nothing, if it cannot be read."""
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            return Listed(dict(found["units"]), dict(found["failed"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Listed()

    def _write(self, last: Listed, new: Listed) -> None:
        if new != last:
            record = {"units": new.units, "failed": new.failed}
            write_text(self._file, json.dumps(record, sort_keys=True, indent=0) + "\n")
