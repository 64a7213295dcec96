"""The figures of splits as tables."""

import json
from collections.abc import Mapping
from typing import Any

import click

from seasonet_build.cli.options import show_table
from seasonet_build.model.layout import SPLITS
from seasonet_build.model.seasons import SEASONS
from seasonet_build.splits.leakage import RELATIONS


def print_split(report: Mapping[str, Any], as_json: bool) -> None:
    """Print the report of a split."""
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    click.echo(f"method {report['method']}" + (f", seed {report['seed']}" if "seed" in report else ""))
    if report.get("kept"):
        click.echo(f"{report['kept']} locations had a side, {report['moved']} of them moved")
    for key in ("samples_taken_over", "samples_without_counterpart", "their_samples_without_counterpart"):
        if key in report:
            click.echo(f"{key.replace('_', ' ')}: {report[key]}")
    click.echo()
    _print_sizes(report)
    _print_classes(report)
    _print_leakage(report)


def _print_sizes(report: Mapping[str, Any]) -> None:
    rows = []
    total = sum(report["images"][name]["all"] for name in SPLITS)
    for name in SPLITS:
        images, locations = report["images"][name], report["locations"][name]
        share = f"{100 * images['all'] / max(1, total):.2f}"
        rows.append((name, *locations.values(), images["all"], share, *(images[s.value] for s in SEASONS)))
    show_table(("split", "grid 1", "grid 2", "images", "%", *(s.value for s in SEASONS)), rows)
    aside = report["set_aside"]
    if aside["locations"]:
        click.echo(f"set aside: {aside['locations']} locations, {aside['images']} images (splits/none.csv)")


def _print_classes(report: Mapping[str, Any]) -> None:
    click.echo(
        f"\nclasses, images: off their share by {report['mean_class_pct']:.2f} % on average, "
        f"{report['worst_class_pct']:.2f} % at most"
    )
    for far in report["far_classes"]:
        click.echo(f"  {far['name']} ({far['label']}): {far['off_pct']:.1f} %; it occurs in {far['blocks']} blocks")


def _print_leakage(report: Mapping[str, Any]) -> None:
    click.echo()
    rows = [_leak_row(report, name, other) for name, other in RELATIONS]
    show_table(("patches of", "that overlap", "%", "that touch", "%"), rows)
    distances = report["leakage"]["test_to_train_m"]
    if distances:
        texts = (f"{name[1:]} %: {value:.0f}" for name, value in distances.items())
        click.echo("from test to the nearest train patch, metres between centres: " + ", ".join(texts))


def _leak_row(report: Mapping[str, Any], name: str, other: str) -> tuple[str, str, str, str, str]:
    figures = report["leakage"][f"{name}_{other}"]
    return (name, other, f"{figures['overlap_pct']:.2f}", other, f"{figures['touch_pct']:.2f}")


def print_comparison(figures: Mapping[str, Mapping[str, Any]], as_json: bool) -> None:
    """Print the figures of two splits side by side."""
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    columns = [_compared(report) for report in figures.values()]
    rows = [(text, *(column[text] for column in columns)) for text in columns[0]]
    show_table(("", *figures), rows)


def _compared(report: Mapping[str, Any]) -> dict[str, object]:
    leaks = report["leakage"]
    return {
        **{f"images in {name}": report["images"][name]["all"] for name in SPLITS},
        "images set aside": report["set_aside"]["images"],
        "classes off on average, %": report["mean_class_pct"],
        "worst class off, %": report["worst_class_pct"],
        **{f"{a} overlaps {b}, %": leaks[f"{a}_{b}"]["overlap_pct"] for a, b in RELATIONS},
        **{f"{a} touches {b}, %": leaks[f"{a}_{b}"]["touch_pct"] for a, b in RELATIONS},
        "median distance from test to train, m": leaks["test_to_train_m"].get("p50", ""),
    }
