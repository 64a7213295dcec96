"""``seasonet-build demo``: a small synthetic dataset, built by the real pipeline."""

import json
import os
from importlib.resources import as_file, files
from pathlib import Path

import click

from seasonet_build.cli.options import json_option, progress_bar, verbosity_options, workers_option
from seasonet_build.cli.summary import print_report
from seasonet_build.config import load_config
from seasonet_build.demo import make_demo_inputs
from seasonet_build.engine.build import Build
from seasonet_build.engine.lock import locked
from seasonet_build.stages.preview import draw_location


@click.command("demo")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@workers_option
@json_option
@verbosity_options
def command(folder: Path, workers: int, as_json: bool) -> int:
    """Build a small synthetic dataset in DIR and draw a picture of one of its locations.

    DIR/inputs gets synthetic products, land cover and districts; DIR/dataset the dataset; DIR/demo.png the picture.
    No network is needed.

    \b
    Example:
      seasonet-build demo demo-output
    """
    os.environ["SEASONET_DEMO"] = str(folder.absolute())
    with as_file(files("seasonet_build.demo") / "demo.toml") as file:
        config = load_config(file).config
    with locked(config.workspace):
        _make_inputs(folder / "inputs")
        build = Build(config, workers, progress_bar)
        report = build.run()
        picture = folder / "demo.png"
        draw_location(build.dataset, picture)
    if as_json:
        click.echo(json.dumps({**report.as_json(), "picture": str(picture)}, indent=2))
    else:
        print_report(report, as_json=False)
        click.echo(f"\nDataset: {build.dataset.root}\nPicture: {picture}")
    return report.exit_code


def _make_inputs(folder: Path) -> None:
    """Make the inputs once; a folder that is there is whole."""
    if folder.is_dir():
        return
    part = folder.with_name(folder.name + ".part")
    make_demo_inputs(part)
    part.replace(folder)
