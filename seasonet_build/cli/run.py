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
from seasonet_build.engine.last_run import noted
from seasonet_build.engine.lock import locked
from seasonet_build.engine.places import check_places
from seasonet_build.model.layout import WorkspaceLayout


@click.command("run")
@config_argument
@set_option
@workers_option
@click.option("--since-last", is_flag=True, help="Name each sample that is new, replaced or removed by this run.")
@json_option
@verbosity_options
def command(config_file: Path, overrides: tuple[str, ...], workers: int, since_last: bool, as_json: bool) -> int:
    """Build the dataset that CONFIG describes, from products to splits.

    A stage whose inputs have not changed does not run again. After an interruption the same command goes on where it
    stopped. Which samples a run changes is kept in the folder 'changes' of the workspace.

    \b
    Examples:
      seasonet-build run configs/seasonet-2018.toml
      seasonet-build run configs/kit.toml --set paths.workspace=/data/kit --workers 2
      seasonet-build run configs/seasonet-2018.toml --quiet --since-last --log-file /var/log/seasonet.jsonl
    """
    config = load_config(config_file, overrides).config
    check_places(config)
    with locked(config.workspace), noted(WorkspaceLayout(config.workspace).last_run) as last:
        report = Build(config, workers, progress_bar).run()
        last.take(report)
    print_report(report, as_json, since_last)
    return report.exit_code
