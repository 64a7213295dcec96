"""Fetching the files of products into place, within the limits of the configuration."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from seasonet_build.config import BuildConfig
from seasonet_build.errors import DataError, ProductError
from seasonet_build.interrupts import stop_requested
from seasonet_build.model.bands import RASTER_RESOLUTION
from seasonet_build.providers.offers import Offer, OfferedFile, Provider
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.integrity import MANIFEST, Listed, read_manifest
from seasonet_build.sources.items import FILES, ITEM
from seasonet_build.sources.metadata import MetadataError
from seasonet_build.sources.products import inspect_product
from seasonet_build.storage import file_digest, write_text
from seasonet_build.transfer.fetch import Controls, Patience, sync_folder
from seasonet_build.transfer.ledger import Ledger
from seasonet_build.transfer.limits import Bandwidth, Quota, Slots
from seasonet_build.transfer.pool import Job, Outcome, fetch_all
from seasonet_build.transfer.remote import Source, StoppedError, check_relative

PARTIAL = ".partial"
"""The folder, beside the products, of those that are not complete."""


class Watch(Protocol):
    """Is told what goes on; calls may come from any thread."""

    def expect(self, files: int, size: int) -> None:
        """So many files of so many bytes are going to be fetched."""

    def received(self, n: int) -> None:
        """So many bytes came in."""

    def ended(self, outcome: Outcome) -> None:
        """A file is there, or has failed."""


class Fetching:
    """Brings files of offers to the folder of products."""

    def __init__(self, config: BuildConfig, provider: Provider, ledger: Ledger, watch: Watch) -> None:
        """Prepare; the provider is not asked before there is something to fetch."""
        self._options, self._provider, self._ledger, self._watch = config.download, provider, ledger, watch
        self._folder = config.download_folder
        self.partial = self._folder / PARTIAL
        self.bytes_fetched = 0
        self._source: Source | None = None
        self._controls = make_controls(config, provider.name, self._received)
        self._lock = threading.Lock()

    def fetch(self, offers: Sequence[Offer], wanted: Callable[[OfferedFile], bool]) -> dict[str, str]:
        """Fetch some files of products; return why products failed, by name.

        Raises:
            CredentialsError: credentials are missing or not taken.
            DataError: the catalogue names files outside the products' folders.
        """
        # A manifest comes before the files that it may be the only one to know the check sums of.
        first = [(o, file) for o in offers for file in o.files if wanted(file) and file.path.endswith(MANIFEST)]
        failures = self._fetch([self._job(offer, file) for offer, file in first])
        rest = [o for o in offers if o.name not in failures]
        return failures | self._fetch(
            [
                self._job(offer, file)
                for offer in rest
                for file in self._with_checksums(offer)
                if wanted(file) and (offer, file) not in first
            ]
        )

    def _fetch(self, jobs: Sequence[Job]) -> dict[str, str]:
        if not jobs:
            return {}
        if self._source is None:
            self._source = self._provider.connect()
        missing = sum(_missing_bytes(job) for job in jobs)
        self._require_space(missing)
        self._watch.expect(len(jobs), missing)
        failures: dict[str, list[str]] = {}
        try:
            for outcome in fetch_all(jobs, self._source, self._controls, self._options.connections):
                self._watch.ended(outcome)
                if outcome.failure is not None:
                    file = outcome.job.file.path.rpartition("/")[2]
                    failures.setdefault(outcome.job.owner, []).append(f"{file}: {outcome.failure}")
        except StoppedError:
            raise KeyboardInterrupt from None
        return {name: _list(reasons) for name, reasons in sorted(failures.items())}

    def finish(self, offer: Offer) -> None:
        """Check a complete product, move it to the folder of products and record it.

        Raises:
            ProductError: its content is damaged; its files are gone.
            OSError: it cannot be moved.
        """
        source, target = self.partial / offer.folder, self._folder / offer.folder
        self._write_item(offer)
        if any(file.checksum is None for file in self._with_checksums(offer)):
            self.check(offer, RASTER_RESOLUTION)
        if not target.exists():
            if source.is_dir():
                sync_folder(source)
            source.rename(target)
            sync_folder(self._folder)
        extra = [f"{offer.folder}/{ITEM}"] if offer.item is not None else []
        self._ledger.record(offer.name, [*(file.path for file in offer.files), *extra])

    def check(self, offer: Offer, rasters: Iterable[str]) -> None:
        """Look at what was fetched of a product, which the provider gave no check sums for.

        Raises:
            ProductError: it is damaged; its files are gone.
        """
        place = self._place(offer)
        self._write_item(offer)
        try:
            with gdal_env():
                inspect_product(place, rasters)
        except ProductError:
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
            raise

    def _with_checksums(self, offer: Offer) -> list[OfferedFile]:
        """Return the files of a product, with the check sums of its manifest where the catalogue gives none."""
        manifest = self._place(offer) / MANIFEST
        if not manifest.is_file() or all(file.checksum for file in offer.files):
            return list(offer.files)
        try:
            with manifest.open("rb") as stream:
                listed = read_manifest(stream)
        except MetadataError:
            return list(offer.files)
        return [_complete(file, listed.get(file.path.partition("/")[2])) for file in offer.files]

    def _place(self, offer: Offer) -> Path:
        """Return where the files of a product are, or will be put together."""
        final = self._folder / offer.folder
        return final if final.exists() else self.partial / offer.folder

    def _job(self, offer: Offer, file: OfferedFile) -> Job:
        remote = file.remote()
        check_relative(offer.folder)
        return Job(offer.name, remote, self._place(offer).parent / remote.path)

    def _write_item(self, offer: Offer) -> None:
        """Write the catalogue's item, if it is the product's metadata, with size and SHA-256 of the files there."""
        if offer.item is None:
            return
        place = self._place(offer)
        found = sorted(path for path in place.iterdir() if path.suffix == ".tif")
        files = {path.name: {"size": path.stat().st_size, "sha256": file_digest(path)} for path in found}
        text = json.dumps({**offer.item, FILES: files}, indent=1, sort_keys=True)
        write_text(place / ITEM, text + "\n")

    def _require_space(self, needed: int) -> None:
        """Check that what is to come has room.

        Raises:
            DataError: it has not.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise DataError(
                f"{self._folder}: {needed / 1e9:.1f} GB are to be fetched and {free / 1e9:.1f} GB are free; make room, "
                "or name another folder (download.folder)"
            )

    def _received(self, n: int) -> None:
        with self._lock:
            self.bytes_fetched += n
        self._watch.received(n)


def make_controls(config: BuildConfig, provider: str, on_bytes: Callable[[int], None]) -> Controls:
    """Return the limits of a configuration; connections and quota are shared by all processes of the user."""
    options, shared = config.download, shared_folder()
    quota = None if options.quota_gb is None else int(options.quota_gb * 1e9)
    rate = None if options.bandwidth_mb_s is None else options.bandwidth_mb_s * 1e6
    return Controls(
        Slots(shared, provider, options.connections, stop_requested),
        Bandwidth(rate, stop_requested),
        Quota(shared, provider, quota),
        stop_requested,
        Patience(attempts=options.attempts, deadline_s=options.deadline_s, crawl_s=options.timeout_s),
        on_bytes,
    )


def shared_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of what all runs of a user share: SEASONET_STATE, or as XDG has it."""
    if named := environment.get("SEASONET_STATE"):
        return Path(named).absolute()
    home = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "seasonet-build"


def clear_partial(folder: Path, keep: Collection[str]) -> None:
    """Remove what is half fetched of products that are no longer chosen; ``keep`` are the names of those that are."""
    partial = folder / PARTIAL
    if not partial.is_dir():
        return
    for path in sorted(partial.iterdir()):
        if path.name.partition(".")[0] not in keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not any(partial.iterdir()):
        partial.rmdir()


def _complete(file: OfferedFile, listed: Listed | None) -> OfferedFile:
    """Return a file with the check sum that its product's manifest lists, if that has the file's true size."""
    if file.checksum is not None or listed is None or listed.algorithm is None or listed.size != file.size:
        return file
    return file.model_copy(update={"checksum": (listed.algorithm, listed.checksum)})


def _missing_bytes(job: Job) -> int:
    """Return how many bytes of a file are still to come, so far as its size is known."""
    part = job.target.with_name(f"{job.target.name}.part")
    have = next((path.stat().st_size for path in (job.target, part) if path.is_file()), 0)
    return max(0, (job.file.size or 0) - have)


def _list(reasons: Sequence[str]) -> str:
    ordered = sorted(reasons)
    return ordered[0] + (f" (and {len(ordered) - 1} more files)" if len(ordered) > 1 else "")
