"""``seasonet-build split``: training, validation and test sets of a dataset that is there."""

from pathlib import Path

import click

from seasonet_build.cli.options import config_argument, json_option, set_option, verbosity_options
from seasonet_build.cli.summary import print_report
from seasonet_build.config import load_config
from seasonet_build.engine.build import Build
from seasonet_build.engine.lock import locked


@click.command("split")
@config_argument
@set_option
@json_option
@verbosity_options
def command(config_file: Path, overrides: tuple[str, ...], as_json: bool) -> int:
    """Deal the samples of the dataset of CONFIG to splits/train.csv, val.csv and test.csv.

    All images of a location are on one side; each grid is dealt by the shares in the configuration.

    \b
    Example:
      seasonet-build split configs/kit.toml --set split.seed=7
    """
    config = load_config(config_file, overrides).config
    with locked(config.workspace):
        report = Build(config, workers=1).split()
    print_report(report, as_json)
    return report.exit_code
