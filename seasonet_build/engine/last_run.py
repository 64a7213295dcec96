"""How the last run in a workspace ended: ``state/run.json``, for those who want to know how a build stands."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seasonet_build.engine.report import RunReport
from seasonet_build.errors import ExitCode, SeasonetError
from seasonet_build.storage import write_text


@dataclass
class LastRun:
    """What a run came to.

    ``ended`` is ISO 8601 in UTC, ``error`` the line that it ended with, ``set_aside`` maps damaged products to the
    reason.
    """

    exit_code: int = ExitCode.OK
    ended: str = ""
    error: str = ""
    samples: int = 0
    set_aside: Mapping[str, str] = field(default_factory=dict)

    def take(self, report: RunReport) -> None:
        """Take over what a run reports that came to its end."""
        self.exit_code, self.samples = report.exit_code, report.n_samples
        self.set_aside = report.damaged


@contextmanager
def noted(path: Path) -> Iterator[LastRun]:
    """Note how a run ends; the one that is given is for the run to fill in.

    A run that ends as the last one did, and changed nothing, leaves the note as it is.
    """
    run = LastRun(samples=(read_last_run(path) or LastRun()).samples)
    try:
        yield run
    except SeasonetError as error:
        run.exit_code, run.error = error.exit_code, str(error)
        raise
    except KeyboardInterrupt:
        run.exit_code, run.error = ExitCode.INTERRUPTED, "interrupted"
        raise
    except Exception as error:
        run.exit_code, run.error = ExitCode.FAILED, f"{type(error).__name__}: {error}"
        raise
    finally:
        # What is noted matters less than how the run ended: a full disk must not hide it.
        with suppress(OSError):
            _write(run, path)


def read_last_run(path: Path) -> LastRun | None:
    """Return how the last run ended; None: there was none, or it cannot be read."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return LastRun(
            int(found["exit_code"]),
            str(found["ended"]),
            str(found["error"]),
            int(found["samples"]),
            {str(product): str(reason) for product, reason in found["set_aside"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def _write(run: LastRun, path: Path) -> None:
    last = read_last_run(path)
    if last is not None and {**asdict(last), "ended": ""} == {**asdict(run), "ended": ""}:
        return
    run.ended = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    write_text(path, json.dumps(asdict(run), sort_keys=True, indent=1) + "\n")
