"""``seasonet-build clouds train``: a model that tells cloud from snow, from labelled patches."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seasonet_build.cli.clouds_examples import PATH, examples_options, show_claim, show_figures
from seasonet_build.cli.options import json_option, require_suffix, show_table, verbosity_options

if TYPE_CHECKING:
    from seasonet_build.clouds.examples import Examples


@click.command("train")
@examples_options
@click.option("-o", "--output", required=True, metavar="MODEL.npz", type=PATH, help="Model file to write.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of partition and model."
)
@click.option("--figure", metavar="FILE.png", type=PATH, help="Draw precision over recall on the test part.")
@json_option
@verbosity_options
def command(
    examples: Callable[[], Examples], output: Path, recall: Fraction, seed: int, figure: Path | None, as_json: bool
) -> None:
    """Train a model on labelled patches, and report what it is worth.

    CANDIDATES.parquet and LABELS.csv come from 'clouds label'. Patches are parted by date and tile: no date and no tile
    is in more than one of training, calibration and test. The threshold is the highest that catches the wanted share
    of cloudy patches in the calibration part; the test part is looked at once. Beside the model, boosted trees, the
    figures of a logistic regression and of the physical screen are shown. Needs scikit-learn: pip install
    'seasonet-build[clouds]'.

    \b
    Examples:
      seasonet-build clouds train label.parquet label.csv -o model.npz
      seasonet-build clouds train label.parquet label.csv -o model.npz --recall 0.95 --seed 7 --figure curve.png
      seasonet-build clouds train --bigearthnet BigEarthNet-v1.0 --snowy s.csv --cloudy c.csv --offset 0 -o m.npz
    """
    from seasonet_build.clouds.boosting import require_sklearn

    require_suffix(output, ".npz", "-o")
    if figure is not None:
        require_suffix(figure, ".png", "--figure")
    require_sklearn()
    from seasonet_build.clouds.figure import draw_curves
    from seasonet_build.clouds.train import BOOSTING, train
    from seasonet_build.storage import replacing

    trained = train(examples(), recall, seed)
    test = trained.report["models"][BOOSTING]["test"]
    contents = {output: trained.content}
    if figure is not None:
        cloudy = test["cloudy"] / (test["cloudy"] + test["clear"])
        contents[figure] = draw_curves(trained.curves, cloudy, float(recall))
    with ExitStack() as stack:
        for path, content in contents.items():
            stack.enter_context(replacing(path)).write_bytes(content)
    if as_json:
        click.echo(json.dumps(trained.report, indent=2))
    else:
        _print_report(trained.report)
        click.echo(f"\n{output}: {trained.report['model']}")


def _print_report(report: Mapping[str, Any]) -> None:
    sides = report["sides"]
    show_table(("side", "cloudy", "clear", "dates", "tiles"), [(side, *sides[side].values()) for side in sides])
    left_out = report["left_out"]
    click.echo(
        f"left out: {left_out['date_and_tile_on_different_sides']} whose date and tile are on different sides, "
        f"{left_out['near_outside_training']} near the threshold outside training\n"
    )
    models = report["models"]
    for name, model in models.items():
        if "calibration" in model:
            caught, n = (model["calibration"][key] for key in ("caught", "cloudy"))
            click.echo(f"{name}: threshold {model['threshold']:.6g}, catches {caught} of {n} in calibration")
    click.echo("\ntest part")
    show_figures({name: model["test"] for name, model in models.items()})
    for name, model in models.items():
        show_claim(name, model["test"], report["recall_wanted"])
    for note in report["notes"]:
        click.echo(f"note: {note}")
