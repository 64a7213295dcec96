"""What ``clouds train`` and ``clouds evaluate`` share: where labelled patches come from, and how figures are shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seasonet_build.cli.options import show_table

if TYPE_CHECKING:
    from seasonet_build.clouds.examples import Examples

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


def _share(_context: click.Context, _parameter: click.Parameter, text: str) -> Fraction:
    """Return a share between 0 and 1 exactly as it is written."""
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal("NaN")
    if share.is_nan() or not Decimal("0.001") <= share <= Decimal("0.999999"):
        raise click.BadParameter(f"{text!r} is no number from 0.001 to 0.999999, such as 0.99")
    return Fraction(share)


def examples_options(function: F) -> F:
    """Add the ways to name labelled patches; the function gets them as ``examples``, which reads them."""

    @click.argument("tables", metavar="[CANDIDATES.parquet LABELS.csv]", nargs=-1, type=PATH)
    @click.option("--bigearthnet", metavar="DIR", type=PATH, help="Folder of BigEarthNet's patches instead.")
    @click.option("--snowy", metavar="LIST", type=PATH, help="BigEarthNet's list of patches with snow.")
    @click.option("--cloudy", metavar="LIST", type=PATH, help="BigEarthNet's list of patches with cloud or shadow.")
    @click.option(
        "--offset",
        type=click.Choice(["0", "-1000"]),
        help="What has to be added to BigEarthNet's pixels: has to be known, is never guessed.",
    )
    @click.option(
        "--limit",
        type=click.IntRange(min=1),
        metavar="N",
        help="At most N of BigEarthNet's patches of either class; which, only their names decide.",
    )
    @click.option(
        "--recall",
        callback=_share,
        metavar="SHARE",
        default="0.99",
        show_default=True,
        help="Share of cloudy patches to be caught.",
    )
    @functools.wraps(function)
    def wrapped(
        *args: Any,
        tables: tuple[Path, ...],
        bigearthnet: Path | None,
        snowy: Path | None,
        cloudy: Path | None,
        offset: str | None,
        limit: int | None,
        **kwargs: Any,
    ) -> Any:
        if bigearthnet is None:
            if snowy or cloudy or offset or limit:
                raise click.UsageError("--snowy, --cloudy, --offset and --limit go with --bigearthnet")
            if len(tables) != 2:
                raise click.UsageError("name the table of candidates and the CSV of labels, or use --bigearthnet")
            return function(*args, examples=lambda: _read_tables(*tables), **kwargs)
        if tables or not (snowy and cloudy and offset):
            raise click.UsageError("--bigearthnet needs --snowy, --cloudy and --offset, and goes without tables")
        read = functools.partial(_read_bigearthnet, bigearthnet, snowy, cloudy, int(offset), limit)
        return function(*args, examples=read, **kwargs)

    return wrapped  # type: ignore[return-value]


def _read_tables(candidates: Path, labels: Path) -> Examples:
    from seasonet_build.clouds.examples import read_examples

    return read_examples(candidates, labels)


def _read_bigearthnet(folder: Path, snowy: Path, cloudy: Path, offset: int, limit: int | None) -> Examples:
    from seasonet_build.clouds.bigearthnet import read_bigearthnet

    return read_bigearthnet(folder, snowy, cloudy, offset, limit)


def show_figures(columns: Mapping[str, Mapping[str, Any]]) -> None:
    """Print figures of classifiers side by side, those of each in a column."""
    rows: list[Sequence[object]] = [
        ("cloudy patches caught", *(_of(f["caught"], f["cloudy"], f["recall"]) for f in columns.values())),
        ("  at least, 95 % bound", *(_percent(f["recall_at_least"]) for f in columns.values())),
        ("clear patches lost", *(_of(f["lost"], f["clear"], f["lost_share"]) for f in columns.values())),
        ("  at most, 95 % bound", *(_percent(f["lost_at_most"]) for f in columns.values())),
        ("average precision", *(_number(f["average_precision"]) for f in columns.values())),
    ]
    first = next(iter(columns.values()))["by_cloud"]
    for i, each in enumerate(first["bins"]):
        cells = [f["by_cloud"]["bins"][i] for f in columns.values()]
        label = f"  caught, {each['from_pct']}-{each['to_pct']} % cloud"
        rows.append((label, *(_of(bin_["caught"], bin_["cloudy"], bin_["recall"]) for bin_ in cells)))
    show_table(("", *columns), rows)
    click.echo(
        f"\nshare of cloud in a patch: by the scene classification for {first['by_scene_classification']} cloudy "
        f"patches, by bright pixels for {first['by_bright_pixels']}"
    )


def show_claim(name: str, figures: Mapping[str, Any], recall: float) -> None:
    """Say whether a recall is demonstrated."""
    if figures["demonstrated"]:
        click.echo(f"{name}: a recall of {recall:g} is demonstrated (95 % confidence)")
    else:
        click.echo(f"{name}: a recall of {recall:g} is not demonstrated: {figures['missing']}")


def _of(k: int, n: int, share: float | None) -> str:
    return "none there" if share is None else f"{k} of {n} ({_percent(share)})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
