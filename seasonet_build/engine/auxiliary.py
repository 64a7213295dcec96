"""Fetching auxiliary data, and ``sources.lock``: what was fetched from where, as text to read.

    clc5  98a6f232...  1360000000  https://.../clc5_2018.utm32s.shape.zip

A line has name, SHA-256, size in bytes and address. A later run holds the file against it.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from seasonet_build.config import BuildConfig
from seasonet_build.config.models import LayerRegions
from seasonet_build.engine.fetching import Watch, make_controls
from seasonet_build.errors import ConfigError, DataError
from seasonet_build.model.layout import WorkspaceLayout
from seasonet_build.sources.archive import MAP, Archive
from seasonet_build.sources.container import BROKEN_ARCHIVE
from seasonet_build.storage import file_digest, write_text
from seasonet_build.transfer.http import HttpSource, OpenAccess
from seasonet_build.transfer.pool import Job, fetch_all
from seasonet_build.transfer.remote import Checksum, RemoteFile, StoppedError

LICENCE = (
    "CLC5 and GE250: (c) GeoBasis-DE / BKG {year}, licence dl-de/by-2-0 (https://www.govdata.de/dl-de/by-2-0). "
    "Whoever publishes results names this source, and says that the data were changed."
)

_GE250_FILE = "ge250.utm32s.shape.zip"
_HEAD = "# Auxiliary data that 'seasonet-build download --auxiliary' fetched: name, SHA-256, bytes, address.\n"
_LINE = re.compile(r"(\w+)  ([0-9a-f]{64})  (\d+)  (\S+)")


@dataclass(frozen=True)
class Source:
    """A file of auxiliary data: its name here, address, SHA-256 if known, and where it goes."""

    name: str
    url: str
    sha256: str | None
    target: Path


@dataclass(frozen=True)
class Recorded:
    """What ``sources.lock`` says of a file."""

    sha256: str
    size: int
    url: str


def sources_of(config: BuildConfig) -> list[Source]:
    """Return the auxiliary data of a configuration.

    Raises:
        ConfigError: a file that would be fetched has no place.
    """
    options, labels, regions = config.auxiliary, config.labels.source, config.regions
    beside = labels.parent / _GE250_FILE
    ge250 = regions.source if isinstance(regions, LayerRegions) else beside
    found = [
        Source("clc5", options.clc5_url, options.clc5_sha256, labels),
        Source("ge250", options.ge250_url, options.ge250_sha256, ge250),
    ]
    for source in found:
        if source.target.suffix != ".zip":
            key = "labels.source" if source.name == "clc5" else "regions.source"
            raise ConfigError(f"{key}: {source.target} is no .zip, which is what would be fetched")
    return found


def fetch_auxiliary(config: BuildConfig, watch: Watch) -> dict[str, str]:
    """Fetch auxiliary data that are not there; return the state of each: ``there``, ``fetched``, or ``failed: why``.

    Raises:
        ConfigError: a file has no place.
        DataError: ``sources.lock`` is damaged.
    """
    lock_file = WorkspaceLayout(config.workspace).source_lock
    known = read_sources(lock_file)
    states: dict[str, str] = {}
    jobs: dict[str, Source] = {}
    for source in sources_of(config):
        wanted = _expected(source, known)
        if not source.target.exists():
            jobs[source.name] = wanted
        elif wanted.sha256 is None or file_digest(source.target) == wanted.sha256:
            states[source.name] = "there"
        else:
            # It may be somebody's own edition: whatever it is, it is not ours to replace.
            states[source.name] = (
                f"failed: {source.target} is another edition than the one expected; move it away, or state its "
                f"SHA-256 (auxiliary.{source.name}_sha256)"
            )
    states |= _fetch(config, jobs, watch)
    found = {s.name: s for s in sources_of(config) if not states[s.name].startswith("failed")}
    records = {name: Recorded(file_digest(s.target), s.target.stat().st_size, s.url) for name, s in found.items()}
    write_sources({**known, **records}, lock_file)
    return dict(sorted(states.items()))


def _fetch(config: BuildConfig, wanted: dict[str, Source], watch: Watch) -> dict[str, str]:
    options = config.download
    jobs = [Job(name, RemoteFile(s.target.name, s.url, checksum=_checksum(s)), s.target) for name, s in wanted.items()]
    if not jobs:
        return {}
    watch.expect(len(jobs), 0)
    states = {}
    source = HttpSource(OpenAccess(), options.timeout_s, options.connections)
    try:
        for outcome in fetch_all(jobs, source, make_controls(config, "bkg", watch.received), options.connections):
            watch.ended(outcome)
            name = outcome.job.owner
            failure = outcome.failure or _look_at(wanted[name])
            states[name] = "fetched" if failure is None else f"failed: {failure}{_advice(wanted[name], failure)}"
    except StoppedError:
        raise KeyboardInterrupt from None
    return states


def _look_at(source: Source) -> str | None:
    """Return what is wrong with a file that came without a checksum, and remove it if so; else None."""
    if source.sha256 is not None:
        return None
    try:
        Archive(source.target, MAP)
    except BROKEN_ARCHIVE as error:
        source.target.unlink()
        return f"what {source.url} gives is no zip archive that can be read: {error}"
    return None


def _advice(source: Source, failure: str) -> str:
    """Return what to do where the server has a file with another checksum."""
    if source.sha256 is None or "checksum" not in failure:
        return ""
    return (
        f"; the server may have a new edition: to take it, state its SHA-256 (auxiliary.{source.name}_sha256), or "
        f"delete the line {source.name} in sources.lock if it is not stated"
    )


def _expected(source: Source, known: dict[str, Recorded]) -> Source:
    """Return a source with the checksum that its file must have: the configured one, else that of the first time."""
    recorded = known.get(source.name)
    if source.sha256 is None and recorded is not None and recorded.url == source.url:
        return replace(source, sha256=recorded.sha256)
    return source


def _checksum(source: Source) -> Checksum | None:
    return Checksum("sha256", source.sha256) if source.sha256 is not None else None


def read_sources(path: Path) -> dict[str, Recorded]:
    """Read ``sources.lock``; nothing if there is none.

    Raises:
        DataError: it is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise DataError(f"{path}: is no text; delete it, and it will be written anew") from None
    records = {}
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataError(f"{path}, line {number}: {line[:80]!r} is not understood; mend it or delete the file")
        records[match[1]] = Recorded(match[2], int(match[3]), match[4])
    return records


def write_sources(records: dict[str, Recorded], path: Path) -> None:
    """Write ``sources.lock``, sorted by name."""
    lines = [f"{name}  {r.sha256}  {r.size}  {r.url}\n" for name, r in sorted(records.items())]
    write_text(path, _HEAD + "".join(lines))
