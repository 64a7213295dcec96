"""``seasonet-build status``: how a build stands."""

import json
from pathlib import Path

import click

from seasonet_build.cli.options import config_argument, json_option, set_option, show_table, verbosity_options
from seasonet_build.config import load_config
from seasonet_build.engine.status import Status, read_status


@click.command("status")
@config_argument
@set_option
@json_option
@verbosity_options
def command(config_file: Path, overrides: tuple[str, ...], as_json: bool) -> int:
    """Tell how the build of CONFIG stands: what of each stage is done, to do, or failed and why.

    Told from the records in the workspace alone: what is to do is what the last run found. Says who is at work and how
    the last run ended. Exit code 3: something failed or was set aside.

    \b
    Examples:
      seasonet-build status configs/seasonet-2018.toml
      seasonet-build status configs/seasonet-2018.toml --json
    """
    status = read_status(load_config(config_file, overrides).config)
    if as_json:
        click.echo(json.dumps(status.as_json(), indent=2))
    else:
        _print(status)
    return status.exit_code


def _print(status: Status) -> None:
    _print_runs(status)
    rows = [(name, stage.done, stage.to_do, len(stage.failed)) for name, stage in status.stages.items()]
    click.echo()
    show_table(("stage", "done", "to do", "failed"), rows)
    for name, stage in status.stages.items():
        for unit, reason in stage.failed.items():
            click.echo(f"\nfailed: {name} {unit}: {reason}")
    if status.last_run is not None and status.last_run.set_aside:
        click.echo(f"\n{len(status.last_run.set_aside)} damaged products set aside")
        for product, reason in sorted(status.last_run.set_aside.items()):
            click.echo(f"  {product}: {reason}")


def _print_runs(status: Status) -> None:
    if status.holder is not None:
        click.echo(f"At work: {status.holder} ({status.holder.command})")
    if status.killed is not None:
        click.echo(f"Killed before it ended: {status.killed} ({status.killed.command})")
    last = status.last_run
    if last is None:
        click.echo(f"{status.dataset}: no run has ended here yet")
    else:
        how = f"exit code {last.exit_code}" + (f": {last.error}" if last.error else "")
        click.echo(f"{status.dataset}: {last.samples} samples; last change {last.ended}, {how}")
