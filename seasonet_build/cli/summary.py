"""The summary of a run."""

import json
import logging
from collections.abc import Sequence

import click

from seasonet_build.cli.options import show_table
from seasonet_build.engine.changes import read_changes
from seasonet_build.engine.report import RunReport
from seasonet_build.model.layout import SPLITS

log = logging.getLogger(__name__)


def print_report(report: RunReport, as_json: bool, since_last: bool = False) -> None:
    """Print what a run did on stdout, and damaged products on stderr as well, for the mail that cron sends.

    With ``since_last`` each sample that changed is named.
    """
    for item in report.set_aside:
        if item.damaged:
            log.warning("set aside: %s: %s", item.product, item.reason)
    if report.unverified:
        log.warning(
            "checked by structure and content only, for want of check sums (manifest.safe) that can be believed: %s",
            listing(report.unverified),
        )
    if as_json:
        changed = {"changed_samples": [read_changes(file) for file in report.changes]} if since_last else {}
        click.echo(json.dumps({**report.as_json(), **changed}, indent=2))
        return
    if not report.changed:
        click.echo("Nothing to do: everything is up to date.")
    _print_stages(report)
    if report.samples:
        _print_samples(report)
    _print_changes(report, since_last)
    if report.splits:
        click.echo("\nSplits: " + ", ".join(f"{name} {report.splits[name]}" for name in SPLITS))
    _print_products(report)


def listing(names: Sequence[str], shown: int = 3) -> str:
    """Return the first few of some names, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def _print_stages(report: RunReport) -> None:
    click.echo()
    show_table(("stage", "done", "unchanged"), [(n, c.n_done, c.n_unchanged) for n, c in report.stages.items()])
    if report.removed:
        click.echo(f"{report.removed} patches that are no longer chosen were removed")


def _print_changes(report: RunReport, since_last: bool) -> None:
    if report.changes:
        told = ", ".join(f"{count} {kind}" for kind, count in report.change_counts().items())
        click.echo(f"\nChanged samples: {told} ({', '.join(map(str, report.changes))})")
    elif since_last:
        click.echo("\nChanged samples: none")
    for file in report.changes if since_last else ():
        changes = read_changes(file)
        if changes["first"]:
            click.echo("  all are new: there was no dataset before")
        for path in changes["new"]:
            click.echo(f"  new       {path}")
        for pair in changes["replaced"]:
            click.echo(f"  replaced  {pair['from']}" + (f" -> {pair['to']}" if pair["to"] != pair["from"] else ""))
        for path in changes["removed"]:
            click.echo(f"  removed   {path}")


def _print_samples(report: RunReport) -> None:
    rows: list[tuple[str, int, int, int]] = [
        (season, grids[1], grids[2], grids[1] + grids[2]) for season, grids in report.samples.items()
    ]
    totals = [sum(row[i] for row in rows) for i in (1, 2, 3)]  # type: ignore[misc]
    click.echo()
    show_table(("samples", "grid 1", "grid 2", "both"), [*rows, ("all", *totals)])
    click.echo(f"\n{report.n_samples} samples at {report.locations} locations")
    if report.snowy.get("snowy"):
        click.echo(f"{report.snowy['cloudy']} of {report.snowy['snowy']} snowy candidates were taken for cloudy")


def _print_products(report: RunReport) -> None:
    if report.products_used:
        click.echo(f"\n{len(report.products_used)} products used")
        for name in report.products_used:
            click.echo(f"  {name}")
    if report.set_aside:
        click.echo(f"\n{len(report.set_aside)} products set aside")
        for item in report.set_aside:
            click.echo(f"  {item.product}: {item.reason}")
