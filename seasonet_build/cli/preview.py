"""``seasonet-build preview``: a picture of one location."""

import json
from pathlib import Path

import click

from seasonet_build.cli.options import json_option, verbosity_options
from seasonet_build.errors import ConfigError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.stages.preview import Place, draw_location


@click.command("preview")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--location", metavar="LAT,LON", help="Location to draw, written as in meta.csv.")
@click.option("--index", type=int, help="Draw the location of the sample with this Index.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="PNG file to write.")
@json_option
@verbosity_options
def command(dataset: Path, location: str | None, index: int | None, output: Path, as_json: bool) -> None:
    """Draw a location of DATASET: a row per season set, true colour beside labels in CORINE's colours.

    Without --location and --index, the location with the most season sets and classes is drawn. Works with any
    dataset in SeasoNet's form.

    \b
    Examples:
      seasonet-build preview demo-output/dataset -o location.png
      seasonet-build preview demo-output/dataset --index 17 -o location.png
    """
    if location is not None and index is not None:
        raise click.UsageError("give --location or --index, not both")
    drawn = draw_location(DatasetLayout(dataset), output, place=_place(location), index=index)
    if as_json:
        click.echo(json.dumps({"file": str(output), "latitude": drawn.latitude, "longitude": drawn.longitude}))
    else:
        click.echo(f"{output}: {drawn.latitude},{drawn.longitude}")


def _place(text: str | None) -> Place | None:
    if text is None:
        return None
    latitude, comma, longitude = text.partition(",")
    if not comma:
        raise ConfigError(f"--location {text!r}: write it as LAT,LON, such as 53.928425,7.503876")
    return Place(latitude.strip(), longitude.strip())
