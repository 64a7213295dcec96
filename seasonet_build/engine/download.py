"""A download: what is chosen, what of it is missing, and fetching that.

Files of a product gather in a hidden folder and move to the folder of products when the last one is there, so that a
build never meets half a product.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from seasonet_build.config import BuildConfig
from seasonet_build.engine.choosing import judge_products
from seasonet_build.engine.fetching import Fetching, Watch, clear_partial, partial_folder
from seasonet_build.engine.lock import locked_downloads
from seasonet_build.engine.manifests import ManifestStore
from seasonet_build.engine.search import choose, make_requests, tiles_of
from seasonet_build.engine.units import Progress, no_progress
from seasonet_build.errors import ExitCode, ProductError
from seasonet_build.model.layout import WorkspaceLayout
from seasonet_build.providers.offers import Offer, Provider
from seasonet_build.stages.product_lock import Group, Key, ProductLock, drift, read_lock, write_lock
from seasonet_build.storage import text_digest
from seasonet_build.transfer.ledger import Ledger

FIRST_ROLES = ("metadata", "scl")


@dataclass
class DownloadReport:
    """What a download did.

    ``states`` maps each chosen product to ``there``, ``fetched``, ``not needed`` or ``failed``, ``failures`` those that
    failed to the reason. ``nothing_on_offer`` names tiles and season sets, ``drift`` how the choice changed.
    """

    provider: str
    states: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    nothing_on_offer: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    bytes_fetched: int = 0
    planned_files: int = 0
    planned_bytes: int = 0

    @property
    def exit_code(self) -> ExitCode:
        """Return PARTLY if some products failed, FAILED if nothing could be done, else OK."""
        if not self.failures:
            return ExitCode.OK
        return ExitCode.PARTLY if len(self.failures) < len(self.states) else ExitCode.FAILED

    def counts(self) -> dict[str, int]:
        """Return how many products are in each state."""
        counts = Counter(self.states.values())
        return {state: counts[state] for state in ("there", "fetched", "not needed", "failed", "to fetch")}

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        return {
            "provider": self.provider,
            "products": self.counts(),
            "states": self.states,
            "failures": self.failures,
            "nothing_on_offer": self.nothing_on_offer,
            "drift": self.drift,
            "bytes_fetched": self.bytes_fetched,
            "planned_files": self.planned_files,
            "planned_bytes": self.planned_bytes,
        }


class Download:
    """A download for one configuration; the caller holds the lock of the workspace."""

    def __init__(
        self, config: BuildConfig, provider: Provider, workers: int, watch: Watch, progress: Progress = no_progress
    ) -> None:
        """Prepare; nothing is asked, read or written yet."""
        self.config, self.provider = config, provider
        self._workers, self._watch, self._progress = workers, watch, progress
        self._workspace = WorkspaceLayout(config.workspace)
        self.ledger = Ledger(self._workspace.state / "fetch", config.download_folder)
        self.report = DownloadReport(f"{provider.name} {provider.address}")

    def run(self, update: bool = False) -> DownloadReport:
        """Choose products, or keep the choice, and fetch what is missing.

        Raises:
            SeasonetError: the catalogue cannot be asked, or the configuration or the credentials are wrong.
        """
        folder, lock = self.config.download_folder, self.choose(update)
        write_lock(lock, self._workspace.product_lock)
        offers = self._look_up(self._missing(lock))
        if offers:
            with locked_downloads(folder):
                clear_partial(partial_folder(self.config), lock.names)
                self._fetch(offers, lock)
                clear_partial(partial_folder(self.config), lock.names)
        return self.report

    def plan(self, update: bool = False) -> DownloadReport:
        """Say what a run would do; nothing is written.

        Raises:
            SeasonetError: as for ``run``.
        """
        lock = self.choose(update)
        for offer in self._look_up(self._missing(lock)):
            self.report.states[offer.name] = "to fetch"
            self.report.planned_files += len(offer.files)
            self.report.planned_bytes += offer.bytes
        return self.report

    def choose(self, update: bool) -> ProductLock:
        """Return the choice: what is locked, and what has to be chosen anew.

        Raises:
            SeasonetError: the catalogue cannot be asked, or the lock is damaged.
        """
        tiles = tiles_of(self.config)
        requests = make_requests(self.config, tiles)
        old = read_lock(self._workspace.product_lock)
        kept: Mapping[Key, Group] = old.groups if old is not None and old.provider == self.report.provider else {}
        fresh = {key for key, digest in requests.items() if update or _request(kept, key) != digest}
        groups: dict[Key, Group] = {}
        with self._progress("search", len(fresh)) as advance:
            for key, digest in requests.items():
                if key in fresh:
                    groups[key] = choose(self.config, self.provider, tiles[key.tile], key.season, digest)
                    advance()
                else:
                    groups[key] = kept[key]
        if old is not None:
            self.report.drift = drift(old.groups, groups)
        empty = (key for key, group in groups.items() if not group.products)
        self.report.nothing_on_offer = [f"{key.tile} {key.season.value}" for key in sorted(empty)]
        return ProductLock(self.report.provider, groups)

    def _missing(self, lock: ProductLock) -> list[str]:
        """Return the products that have to be fetched."""
        choice = self._choice_digest(lock)
        missing = []
        here = self.provider.search.by_name(lock.names) if self.provider.name == "folder" else ()
        for name in lock.names:
            if name in here or self.ledger.is_complete(name):
                self.report.states[name] = "there"
            elif self.ledger.unwanted_for(name) == choice:
                self.report.states[name] = "not needed"
            else:
                missing.append(name)
        return missing

    def _choice_digest(self, lock: ProductLock) -> str:
        """Return a text for all that decides which scenes patches are cut from."""
        config = self.config
        parts = [section.model_dump_json() for section in (config.seasons, config.area, config.labels)]
        # What a build took for cloud is not chosen again: another scene may be needed in its place.
        screened = self._screened()
        return text_digest(
            *lock.names, *parts, str(config.download.min_cells), str(config.download.scl_first), *screened
        )

    def _screened(self) -> list[str]:
        """Return texts for what the last build found of cloud in the snowy candidates of each scene."""
        store = ManifestStore(self._workspace.state, {"workspace": self._workspace.root})
        manifests = (store.read("screen", scene) for scene in sorted(store.units("screen")))
        limits = self.config.snow.model_dump_json()
        return [limits, *(m.content for m in manifests if m is not None and m.result.get("candidates"))]

    def _look_up(self, names: Sequence[str]) -> list[Offer]:
        """Return the products that are still on offer; the others have failed."""
        offers = self.provider.search.by_name(names) if names else {}
        for name in names:
            if name not in offers:
                self._fail(name, "is no longer on offer; run with --update to choose another")
        return [offers[name] for name in names if name in offers]

    def _fetch(self, offers: Sequence[Offer], lock: ProductLock) -> None:
        fetching = Fetching(self.config, self.provider, self.ledger, self._watch)
        whole: Iterable[Offer] = offers
        if self.config.download.scl_first:
            first = [offer for offer in offers if any(file.role == "scl" for file in offer.files)]
            self._take_failures(fetching.fetch(first, lambda file: file.role in FIRST_ROLES))
            wanted = self._wanted([o for o in first if o.name not in self.report.failures], fetching, lock)
            whole = [o for o in offers if o not in first or o.name in wanted]
        whole = [offer for offer in whole if offer.name not in self.report.failures]
        self._take_failures(fetching.fetch(whole, lambda _file: True))
        for offer in whole:
            if offer.name not in self.report.failures:
                self._finish(offer, fetching.finish)
        self.report.bytes_fetched = fetching.bytes_fetched

    def _finish(self, offer: Offer, finish: Callable[[Offer], None]) -> None:
        try:
            finish(offer)
            self.report.states[offer.name] = "fetched"
        except ProductError as error:
            self._fail(offer.name, f"was fetched, but {error.reason}")
        except OSError as error:
            self._fail(offer.name, f"cannot be moved to {self.config.download_folder}: {error.strerror or error}")

    def _wanted(self, offers: Sequence[Offer], fetching: Fetching, lock: ProductLock) -> set[str]:
        """Return the products that patches would be cut from, judged by their scene classification."""
        if not offers:
            return set()
        for offer in offers:
            fetching.prepare(offer)
        useful = judge_products(self.config, fetching.partial, self._workers)
        wanted = set()
        for offer in offers:
            if offer.name in useful.damaged:
                fetching.discard(offer)
                self._fail(offer.name, f"was fetched, but {useful.damaged[offer.name]}")
            elif useful.cells.get(offer.name, 0) >= self.config.download.min_cells:
                wanted.add(offer.name)
            else:
                self.report.states[offer.name] = "not needed"
                self.ledger.record_unwanted(offer.name, self._choice_digest(lock))
        return wanted

    def _take_failures(self, failures: Mapping[str, str]) -> None:
        for name, reason in failures.items():
            self._fail(name, reason)

    def _fail(self, name: str, reason: str) -> None:
        self.report.states[name], self.report.failures[name] = "failed", reason


def _request(groups: Mapping[Key, Group], key: Key) -> str | None:
    return groups[key].request if key in groups else None
