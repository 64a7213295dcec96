"""``seasonet-build patchify``: all stages up to meta.csv."""

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
from seasonet_build.engine.last_run import noted
from seasonet_build.engine.lock import locked
from seasonet_build.engine.places import check_places
from seasonet_build.model.layout import WorkspaceLayout


@click.command("patchify")
@config_argument
@set_option
@workers_option
@json_option
@verbosity_options
def command(config_file: Path, overrides: tuple[str, ...], workers: int, as_json: bool) -> int:
    """Cut and label the patches and write meta.csv, without splits.

    Splits of another meta.csv are removed, for they number its rows.

    \b
    Example:
      seasonet-build patchify configs/kit.toml
    """
    config = load_config(config_file, overrides).config
    check_places(config)
    with locked(config.workspace), noted(WorkspaceLayout(config.workspace).last_run) as last:
        report = Build(config, workers, progress_bar).patchify()
        last.take(report)
    print_report(report, as_json)
    return report.exit_code
