"""``seasonet-build clouds evaluate``: what a classifier is worth on labelled patches."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seasonet_build.cli.clouds_examples import examples_options, show_claim, show_figures
from seasonet_build.cli.options import json_option, verbosity_options

if TYPE_CHECKING:
    from seasonet_build.clouds.examples import Examples


@click.command("evaluate")
@click.argument("classifier", metavar="screen|MODEL.npz")
@examples_options
@json_option
@verbosity_options
def command(classifier: str, examples: Callable[[], Examples], recall: Fraction, as_json: bool) -> None:
    """Hold the physical screen, or a model, against labelled patches.

    Only patches that were drawn uniformly count, and for a model only those whose date and tile it was neither trained
    nor calibrated on. Needs no scikit-learn.

    \b
    Examples:
      seasonet-build clouds evaluate screen label.parquet label.csv
      seasonet-build clouds evaluate model.npz other.parquet other.csv --json
    """
    from seasonet_build.clouds.evaluate import evaluate
    from seasonet_build.clouds.model_file import load_model
    from seasonet_build.config.snow import MODEL_SUFFIX

    if classifier != "screen" and not classifier.endswith(MODEL_SUFFIX):
        raise click.UsageError(f"{classifier}: neither 'screen' nor a model file ({MODEL_SUFFIX})")
    model = None if classifier == "screen" else load_model(Path(classifier))
    report = evaluate(model, examples(), recall)
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    left_out = report["left_out"]
    click.echo(
        f"{report['source']}: patches of {report['dates']} dates and {report['tiles']} tiles; "
        f"left out: {left_out['near']} not drawn uniformly, {left_out['date_or_tile_seen_by_the_model']} whose date or "
        "tile the model has seen\n"
    )
    show_figures({report["classifier"]: report})
    show_claim(report["classifier"], report, report["recall_wanted"])
