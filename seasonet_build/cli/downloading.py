"""What a download shows while it goes on, and its summary."""

import json
import logging
import sys
import threading
from types import TracebackType
from typing import Any

import click

from seasonet_build.config.download import DownloadSection
from seasonet_build.engine.download import DownloadReport
from seasonet_build.transfer.pool import Outcome

log = logging.getLogger(__name__)

NOMINAL_MB_S = {"cdse": 20.0, "earth-search": 20.0, "dhus": 5.0, "folder": 1.0}
"""Bytes a second of one connection to go by in an estimate: the Copernicus Data Space grants 20 MB/s to each."""


class DownloadWatch:
    """Progress over all files on a terminal, events as JSON where asked for; safe to call from any thread."""

    def __init__(self, as_json: bool) -> None:
        """Show nothing yet."""
        self._as_json, self._lock = as_json, threading.Lock()
        self._bar: Any = None

    def __enter__(self) -> "DownloadWatch":
        """Begin."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Take the bar away."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()

    def expect(self, files: int, size: int) -> None:
        """Show that so many bytes are going to come."""
        with self._lock:
            if self._bar is None:
                self._bar = _make_bar()
            if self._bar is not None:
                self._bar.total = (self._bar.total or 0) + size
                self._bar.refresh()
        self._event(event="plan", files=files, bytes=size)

    def received(self, n: int) -> None:
        """Show that bytes came in."""
        with self._lock:
            if self._bar is not None:
                self._bar.update(n)

    def ended(self, outcome: Outcome) -> None:
        """Say that a file is there, or has failed."""
        file, failure = outcome.job.file.path, outcome.failure
        took = outcome.fetched
        log.info("%s: %s", file, failure or f"{took.received} bytes in {took.attempts} attempts")
        self._event(event="file", path=file, received=took.received, attempts=took.attempts, failure=failure)

    def _event(self, **event: Any) -> None:
        if self._as_json:
            with self._lock:
                click.echo(json.dumps(event))


def print_plan(report: DownloadReport, options: DownloadSection, as_json: bool) -> None:
    """Print what would be fetched."""
    rate = min(NOMINAL_MB_S[options.provider] * options.connections, options.bandwidth_mb_s or float("inf"))
    seconds = report.planned_bytes / (rate * 1e6)
    if as_json:
        click.echo(json.dumps({"event": "plan", **report.as_json(), "estimated_s": round(seconds)}))
        return
    _print_notes(report)
    products = report.counts()["to fetch"]
    click.echo(
        f"{products} products to fetch: {report.planned_files} files, {report.planned_bytes / 1e9:.2f} GB at most, "
        f"about {_duration(seconds)} at {rate:g} MB/s; {report.counts()['there']} are there"
    )


def print_download(report: DownloadReport, as_json: bool) -> None:
    """Print what was done on stdout, a line for each product that changed, and failures on stderr."""
    for name, reason in sorted(report.failures.items()):
        log.warning("failed: %s: %s", name, reason)
    if as_json:
        click.echo(json.dumps({"event": "summary", **report.as_json()}))
        return
    _print_notes(report)
    for name, state in sorted(report.states.items()):
        if state == "failed":
            click.echo(f"failed      {name}: {report.failures[name]}")
        elif state != "there":
            click.echo(f"{state:<10}  {name}")
    counts = ", ".join(f"{n} {state}" for state, n in report.counts().items() if n and state != "to fetch")
    click.echo(f"{len(report.states)} products: {counts or 'none'}; {report.bytes_fetched / 1e6:.1f} MB fetched")
    if report.failures:
        click.echo("Run the same command again to go on.")


def _print_notes(report: DownloadReport) -> None:
    for line in report.drift:
        click.echo(f"changed     {line}")
    for where in report.nothing_on_offer:
        click.echo(f"no scene    {where}: nothing on offer is within the limits")


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{max(minutes, 1)} min"


def _make_bar() -> Any:
    """Return a progress bar in bytes with rate and time left, or None where stderr is no terminal."""
    context = click.get_current_context(silent=True)
    if (context is not None and context.obj and context.obj.get("quiet")) or not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    return tqdm(total=0, desc="download", unit="B", unit_scale=True, leave=False, file=sys.stderr)
