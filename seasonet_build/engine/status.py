"""How a build stands, read from its manifests; nothing is looked at but the workspace's own records."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from seasonet_build.config import BuildConfig
from seasonet_build.engine.agenda import Agenda
from seasonet_build.engine.holder import Holder
from seasonet_build.engine.last_run import LastRun, read_last_run
from seasonet_build.engine.lock import read_holder, read_left
from seasonet_build.engine.manifests import ManifestStore
from seasonet_build.errors import ExitCode
from seasonet_build.model.layout import WorkspaceLayout
from seasonet_build.stages.product_lock import read_lock
from seasonet_build.transfer.ledger import Ledger

STAGES = ("inspect", "index", "label", "locate", "observe", "screen", "select", "cut", "describe", "split", "publish")


@dataclass(frozen=True)
class StageStatus:
    """Units of a stage: how many are done and to do, and why some failed, by unit."""

    done: int
    to_do: int
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """How a build stands: stages by name, in their order; who is at work; how the last run ended.

    ``killed`` is a run that ended without a chance to say so, with none after it.
    """

    dataset: str
    stages: Mapping[str, StageStatus]
    holder: Holder | None
    last_run: LastRun | None
    killed: Holder | None = None

    @property
    def exit_code(self) -> ExitCode:
        """Return PARTLY if anything failed or was set aside in the last run, or it was killed, else OK."""
        failed = any(stage.failed for stage in self.stages.values()) or self.killed is not None
        last = self.last_run
        return ExitCode.PARTLY if failed or (last is not None and last.exit_code != ExitCode.OK) else ExitCode.OK

    def as_json(self) -> dict[str, Any]:
        """Return the status as JSON values."""
        last = self.last_run
        return {
            "dataset": self.dataset,
            "running": _as_json(self.holder),
            "killed": _as_json(self.killed),
            "last_run": None if last is None else asdict(last),
            "stages": {
                name: {"done": stage.done, "to_do": stage.to_do, "failed": dict(stage.failed)}
                for name, stage in self.stages.items()
            },
        }


def read_status(config: BuildConfig) -> Status:
    """Read how the build of a configuration stands.

    What is to do is what the last run found; inputs that have changed since are seen by the next run.

    Raises:
        DataError: ``products.lock`` is damaged.
    """
    workspace = WorkspaceLayout(config.workspace)
    stages = {**dict(_fetched(config, workspace)), **dict(_built(config, workspace))}
    holder, left = read_holder(workspace.root), read_left(workspace.root)
    return Status(config.dataset.name, stages, holder, read_last_run(workspace.last_run), left)


def _as_json(holder: Holder | None) -> dict[str, Any] | None:
    if holder is None:
        return None
    return {"pid": holder.pid, "host": holder.host, "started": holder.started, "command": holder.command}


def _fetched(config: BuildConfig, workspace: WorkspaceLayout) -> Iterator[tuple[str, StageStatus]]:
    """Give the products that a download has to fetch, if one has chosen any."""
    lock = read_lock(workspace.product_lock)
    if lock is not None:
        ledger = Ledger(workspace.state / "fetch", config.download_folder)
        done = sum(ledger.is_complete(name) or ledger.unwanted_for(name) is not None for name in lock.names)
        yield "fetch", StageStatus(done, len(lock.names) - done)


def _built(config: BuildConfig, workspace: WorkspaceLayout) -> Iterator[tuple[str, StageStatus]]:
    store = ManifestStore(workspace.state, {"workspace": workspace.root, "dataset": config.dataset_root})
    for stage in STAGES:
        listed = Agenda(workspace.state, stage).read()
        manifests = {key: store.read(stage, key) for key in listed.units}
        done = {k for k, m in manifests.items() if m is not None and m.fingerprint == listed.units[k]}
        failed = {key: reason for key, reason in sorted(listed.failed.items()) if key not in done}
        yield stage, StageStatus(len(done), len(listed.units) - len(done) - len(failed), failed)
