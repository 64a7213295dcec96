"""Fetching the files of products into place, within the limits of the configuration."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from seasonet_build.config import BuildConfig
from seasonet_build.errors import DataError, ProductError
from seasonet_build.interrupts import stop_requested
from seasonet_build.model.bands import RASTER_RESOLUTION
from seasonet_build.model.products import FILES, ITEM
from seasonet_build.providers.offers import Offer, OfferedFile, Provider
from seasonet_build.sources.integrity import MANIFEST, Listed, read_manifest
from seasonet_build.sources.metadata import MetadataError
from seasonet_build.storage import file_digest, write_text
from seasonet_build.transfer.fetch import Controls, Patience, sync_folder
from seasonet_build.transfer.ledger import Ledger
from seasonet_build.transfer.limits import Bandwidth, Quota, Slots
from seasonet_build.transfer.pool import Job, Outcome, fetch_all
from seasonet_build.transfer.remote import Source, StoppedError, check_relative

PARTIAL = ".partial"
"""The folder, beside the products, of those that are not complete: one in it for each dataset."""


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
        self.partial = partial_folder(config)
        self.bytes_fetched = 0
        self._source: Source | None = None
        self._there: set[Path] = set()
        self._controls = make_controls(config, provider.name, self._received)
        self._lock = threading.Lock()

    def fetch(self, offers: Sequence[Offer], wanted: Callable[[OfferedFile], bool]) -> dict[str, str]:
        """Fetch some files of products; return why products failed, by name.

        Raises:
            CredentialsError: credentials are missing or not taken.
            DataError: the catalogue names files outside the products' folders.
        """
        # A manifest comes before the files that it may be the only one to know the check sums of.
        first = [self._job(o, file) for o in offers for file in o.files if wanted(file) and _is_manifest(file)]
        failures = self._fetch(first)
        rest = [o for o in offers if o.name not in failures]
        return failures | self._fetch(
            [
                self._job(offer, file)
                for offer in rest
                for file in self._with_checksums(offer)
                if wanted(file) and not _is_manifest(file)
            ]
        )

    def _fetch(self, jobs: Sequence[Job]) -> dict[str, str]:
        # What came with the scene classification is not to be looked at, counted and reported again.
        jobs = [job for job in jobs if job.target not in self._there]
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
                if outcome.failure is None:
                    self._there.add(outcome.job.target)
                else:
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
        if any(file.checksum is None for file in self._with_checksums(offer)):
            self.check(offer, RASTER_RESOLUTION)
        self._write_item(offer, self._sums(offer))
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
        # Here, and not above: most downloads need no raster library, which takes memory and a second to load.
        from seasonet_build.raster.gdal import gdal_env
        from seasonet_build.sources.products import inspect_product

        self.prepare(offer)
        try:
            with gdal_env():
                inspect_product(self._place(offer), rasters)
        except ProductError:
            self.discard(offer)
            raise

    def prepare(self, offer: Offer) -> None:
        """Make what was fetched of a product readable as one.

        Its metadata hold no check sums that were taken just now: they would vouch for the very bytes that are to be
        looked at.
        """
        self._write_item(offer, self._known(offer))

    def discard(self, offer: Offer) -> None:
        """Remove the files that were fetched of a product."""
        for file in offer.files:
            (self._place(offer).parent / file.path).unlink(missing_ok=True)

    def _with_checksums(self, offer: Offer) -> list[OfferedFile]:
        """Return the files of a product, with the check sums that are kept beside them where the catalogue has none."""
        if all(file.checksum for file in offer.files):
            return list(offer.files)
        listed, ours = self._listed(offer), offer.item is not None
        return [_complete(file, listed.get(file.path.partition("/")[2]), ours) for file in offer.files]

    def _listed(self, offer: Offer) -> Mapping[str, Listed]:
        """Return what the manifest lists, or what was seen of the files when they had been looked at."""
        if offer.item is not None:
            return {name: Listed(sums["size"], "sha256", sums["sha256"]) for name, sums in self._known(offer).items()}
        try:
            with (self._place(offer) / MANIFEST).open("rb") as stream:
                return read_manifest(stream)
        except (FileNotFoundError, NotADirectoryError, MetadataError):
            return {}

    def _place(self, offer: Offer) -> Path:
        """Return where the files of a product are, or will be put together."""
        final = self._folder / offer.folder
        return final if final.exists() else self.partial / offer.folder

    def _job(self, offer: Offer, file: OfferedFile) -> Job:
        remote = file.remote()
        check_relative(offer.folder)
        return Job(offer.name, remote, self._place(offer).parent / remote.path)

    def _write_item(self, offer: Offer, sums: Mapping[str, Any]) -> None:
        """Write the catalogue's item, if it is the product's metadata, with what is known of the files there."""
        if offer.item is not None:
            text = json.dumps({**offer.item, FILES: sums}, indent=1, sort_keys=True)
            write_text(self._place(offer) / ITEM, text + "\n")

    def _sums(self, offer: Offer) -> dict[str, Any]:
        """Return size and SHA-256 of the files of a product without metadata of its own."""
        if offer.item is None:
            return {}
        found = sorted(path for path in self._place(offer).iterdir() if path.suffix == ".tif")
        return {path.name: {"size": path.stat().st_size, "sha256": file_digest(path)} for path in found}

    def _known(self, offer: Offer) -> dict[str, Any]:
        """Return the same as it was when the files had been looked at; nothing if they have not been."""
        try:
            sums = json.loads((self._place(offer) / ITEM).read_text(encoding="utf-8"))[FILES]
            return {str(name): {"size": int(s["size"]), "sha256": str(s["sha256"])} for name, s in sums.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

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


def partial_folder(config: BuildConfig) -> Path:
    """Return the folder of products that are not complete; builds that share a folder of products have one each."""
    return config.download_folder / PARTIAL / config.dataset.name


def clear_partial(partial: Path, keep: Collection[str]) -> None:
    """Remove what is half fetched of products that are no longer chosen; ``keep`` are the names of those that are."""
    if not partial.is_dir():
        return
    for path in sorted(partial.iterdir()):
        if path.name.partition(".")[0] not in keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in (partial, partial.parent):
        if not any(folder.iterdir()):
            folder.rmdir()


def _is_manifest(file: OfferedFile) -> bool:
    return file.path.endswith(MANIFEST)


def _complete(file: OfferedFile, listed: Listed | None, ours: bool) -> OfferedFile:
    """Return a file with the check sum that is listed for it; ESA's lists count if they have the file's true size."""
    if file.checksum is not None or listed is None or listed.algorithm is None:
        return file
    if not ours and listed.size != file.size:
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
