"""``seasonet-build run``: all stages."""

from pathlib import Path

import click

from seasonet_build.cli.options import (
    config_argument,
    json_option,
    progress_bar,
    set_option,
    verbosity_options,
    workers_option,
)
from seasonet_build.cli.summary import print_report
from seasonet_build.config import load_config
from seasonet_build.engine.build import Build
from seasonet_build.engine.lock import locked


@click.command("run")
@config_argument
@set_option
@workers_option
@json_option
@verbosity_options
def command(config_file: Path, overrides: tuple[str, ...], workers: int, as_json: bool) -> int:
    """Build the dataset that CONFIG describes, from products to splits.

    A stage whose inputs have not changed does not run again. After an interruption the same command goes on where it
    stopped.

    \b
    Examples:
      seasonet-build run configs/seasonet-2018.toml
      seasonet-build run configs/kit.toml --set paths.workspace=/data/kit --workers 2
    """
    config = load_config(config_file, overrides).config
    with locked(config.workspace):
        report = Build(config, workers, progress_bar).run()
    print_report(report, as_json)
    return report.exit_code
