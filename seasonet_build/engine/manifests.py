"""Manifests: the record that a unit of work is done, from what, and what it wrote.

A manifest is written last and in one step. A unit is done when its manifest stands, names the same inputs, and every
output is there with the size it had.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seasonet_build.storage import WrittenFile, write_text

_FORMAT = 2


@dataclass(frozen=True)
class Output:
    """A file that a unit wrote: path (see :class:`ManifestStore`), size in bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The record of a unit: fingerprint of its inputs, files it wrote, what it found out, and when.

    ``finished`` is ISO 8601 in UTC, ``seconds`` how long it took. Manifests that differ in these alone are equal.
    """

    stage: str
    unit: str
    fingerprint: str
    outputs: tuple[Output, ...]
    result: Mapping[str, Any]
    finished: str = field(default="", compare=False)
    seconds: float = field(default=0.0, compare=False)

    @property
    def content(self) -> str:
        """Return a text that stands for the content of the outputs."""
        return " ".join(output.sha256 for output in self.outputs)


class ManifestStore:
    """The manifests of a workspace, one JSON file a unit.

    Outputs are stored as ``root:path``, where ``root`` names one of the folders given here, so that a workspace may
    be moved.
    """

    def __init__(self, folder: Path, roots: Mapping[str, Path]) -> None:
        """Keep manifests in ``folder``; outputs lie below one of ``roots``, the innermost one counts."""
        self.folder = folder
        self._roots = dict(sorted(roots.items(), key=lambda item: len(item[1].parts), reverse=True))

    @property
    def roots(self) -> list[Path]:
        """Return the folders that outputs lie below."""
        return list(self._roots.values())

    def find_done(self, stage: str, unit: str, fingerprint: str) -> Manifest | None:
        """Return the manifest of a unit if the unit need not be done again."""
        manifest = self.read_standing(stage, unit)
        return manifest if manifest is not None and manifest.fingerprint == fingerprint else None

    def read_standing(self, stage: str, unit: str) -> Manifest | None:
        """Return the manifest of a unit if its outputs are there, whatever they were made from."""
        manifest = self.read(stage, unit)
        return manifest if manifest is not None and all(map(self._is_there, manifest.outputs)) else None

    def read(self, stage: str, unit: str) -> Manifest | None:
        """Return the manifest of a unit, or None if there is none that can be read."""
        try:
            record = json.loads(self._path(stage, unit).read_text(encoding="utf-8"))
            if record["format"] != _FORMAT:
                return None
            outputs = tuple(self._output(*item) for item in record["outputs"])
            times = str(record["finished"]), float(record["seconds"])
            return Manifest(stage, unit, record["fingerprint"], outputs, record["result"], *times)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _output(self, path: str, size: int, sha256: str) -> Output:
        """Return an output as a manifest names it, after checking that its root is one of ours."""
        if path.partition(":")[0] not in self._roots or not isinstance(size, int):
            raise ValueError(path)
        return Output(path, size, sha256)

    def write(self, manifest: Manifest) -> None:
        """Record that a unit is done."""
        record = {
            "format": _FORMAT,
            "fingerprint": manifest.fingerprint,
            "outputs": [[o.path, o.size, o.sha256] for o in manifest.outputs],
            "result": dict(manifest.result),
            "finished": manifest.finished,
            "seconds": manifest.seconds,
        }
        write_text(self._path(manifest.stage, manifest.unit), json.dumps(record, sort_keys=True) + "\n")

    def units(self, stage: str) -> list[str]:
        """Return the units of a stage that have a manifest, sorted."""
        return sorted(path.stem for path in (self.folder / stage).glob("*.json"))

    def forget(self, stage: str, unit: str) -> None:
        """Remove a manifest; its outputs stay."""
        self._path(stage, unit).unlink(missing_ok=True)

    def outputs(self, files: Iterable[WrittenFile]) -> tuple[Output, ...]:
        """Return files below one of the roots as a manifest names them."""
        return tuple(Output(self._shorten(file.path), file.size, file.sha256) for file in files)

    def full_path(self, output: Output) -> Path:
        """Return where an output lies."""
        root, _, path = output.path.partition(":")
        return self._roots[root] / path

    def _is_there(self, output: Output) -> bool:
        try:
            return self.full_path(output).stat().st_size == output.size
        except FileNotFoundError:
            return False

    def _path(self, stage: str, unit: str) -> Path:
        return self.folder / stage / f"{unit}.json"

    def _shorten(self, file: Path) -> str:
        for name, root in self._roots.items():
            if file.is_relative_to(root):
                return f"{name}:{file.relative_to(root).as_posix()}"
        raise ValueError(f"{file} lies in none of {list(self._roots.values())}")
