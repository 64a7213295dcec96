"""``seasonet-build clouds apply``: what a classifier says of a dataset."""

import json
from pathlib import Path

import click

from seasonet_build.cli.options import json_option, progress_bar, verbosity_options, workers_option
from seasonet_build.errors import ConfigError

_PATH = click.Path(path_type=Path)


@click.command("apply")
@click.argument("classifier", metavar="screen|MODEL.npz")
@click.argument("dataset", metavar="DATASET", type=_PATH)
@click.option("-o", "--output", metavar="FILE.csv", type=_PATH, help="Write path, score and verdict of each patch.")
@click.option(
    "--offset",
    type=click.Choice(["0", "-1000"]),
    help="What has to be added to the pixels of a dataset that is not of this program; refused unless stated.",
)
@workers_option
@json_option
@verbosity_options
def command(
    classifier: str, dataset: Path, output: Path | None, offset: str | None, workers: int, as_json: bool
) -> None:
    """Say which snowy patches of DATASET, a folder with meta.csv, are cloudy, and name them.

    Nothing in the dataset is changed: to leave cloudy patches out, name the classifier in the configuration
    (snow.classifier) and run the build again, which takes the next best scene.

    \b
    Examples:
      seasonet-build clouds apply screen demo-output/dataset
      seasonet-build clouds apply model.npz data/seasonet --offset 0 -o scores.csv
    """
    from seasonet_build.clouds.apply import apply_classifier
    from seasonet_build.config.snow import MODEL_SUFFIX, SnowSection
    from seasonet_build.model.layout import DatasetLayout
    from seasonet_build.storage import write_text

    if classifier != "screen" and not classifier.endswith(MODEL_SUFFIX):
        raise ConfigError(f"{classifier}: neither 'screen' nor a model file ({MODEL_SUFFIX}); ukis needs whole scenes")
    snow = SnowSection(classifier="screen" if classifier == "screen" else Path(classifier).absolute())
    stated = None if offset is None else int(offset)
    found = apply_classifier(DatasetLayout(dataset.absolute()), snow, stated, workers, progress_bar)
    cloudy = found[found["cloudy"]]
    if output is not None:
        write_text(output, found.assign(cloudy=found["cloudy"].astype(int)).to_csv(index=False, lineterminator="\n"))
    if as_json:
        scores = dict(zip(cloudy["Path"], cloudy["score"], strict=True))
        click.echo(json.dumps({"patches": len(found), "cloudy": scores}, indent=2))
        return
    for path, score in zip(cloudy["Path"], cloudy["score"], strict=True):
        click.echo(f"{path}  {score:.3f}")
    click.echo(f"{len(cloudy)} of {len(found)} snowy patches are cloudy")
