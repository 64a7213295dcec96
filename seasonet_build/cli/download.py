"""``seasonet-build download``: find and fetch what a build needs."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import click

from seasonet_build.cli.downloading import DownloadWatch, print_download, print_plan
from seasonet_build.cli.options import config_argument, progress_bar, set_option, verbosity_options, workers_option
from seasonet_build.config import BuildConfig, load_config
from seasonet_build.engine.auxiliary import LICENCE, fetch_auxiliary
from seasonet_build.engine.download import Download
from seasonet_build.engine.lock import locked
from seasonet_build.engine.places import check_places
from seasonet_build.errors import ExitCode
from seasonet_build.providers.make import make_provider

log = logging.getLogger(__name__)


@click.command("download")
@config_argument
@set_option
@workers_option
@click.option("--update", is_flag=True, help="Choose products anew, in place of those in products.lock.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, and fetch and write nothing.")
@click.option("--auxiliary", is_flag=True, help="Fetch BKG's land cover and region types instead of products.")
@click.option("--json", "as_json", is_flag=True, help="Print events and the result, one JSON object a line.")
@verbosity_options
def command(
    config_file: Path,
    overrides: tuple[str, ...],
    workers: int,
    update: bool,
    dry_run: bool,
    auxiliary: bool,
    as_json: bool,
) -> int:
    """Find the products that CONFIG needs and fetch the files of them that are read.

    What is there and verified is not fetched again; after an interruption, or when some files failed (exit code 3),
    the same command goes on where it stopped. S3 keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a
    profile, HTTPS accounts from CDSE_USERNAME and CDSE_PASSWORD, those of a DHuS from DHUS_USERNAME and DHUS_PASSWORD.

    \b
    Examples:
      seasonet-build download configs/seasonet-2018.toml --auxiliary
      seasonet-build download configs/seasonet-2018.toml --dry-run
      seasonet-build download configs/seasonet-2018.toml --set download.provider=earth-search
    """
    if auxiliary and (update or dry_run):
        raise click.UsageError("--auxiliary goes with neither --update nor --dry-run")
    config = load_config(config_file, overrides).config
    check_places(config)
    with DownloadWatch(as_json) as watch, locked(config.workspace):
        if auxiliary:
            return _auxiliary(config, watch, as_json)
        download = Download(config, make_provider(config), workers, watch, progress_bar)
        if dry_run:
            print_plan(download.plan(update), config.download, as_json)
            return ExitCode.OK
        report = download.run(update)
    print_download(report, as_json)
    return report.exit_code


def _auxiliary(config: BuildConfig, watch: DownloadWatch, as_json: bool) -> int:
    states, licence = fetch_auxiliary(config, watch), LICENCE.format(year=datetime.now(UTC).year)
    failed = [name for name, state in states.items() if state.startswith("failed")]
    for name in failed:
        log.warning("%s: %s", name, states[name])
    if as_json:
        click.echo(json.dumps({"event": "summary", "auxiliary": states, "licence": licence}))
    else:
        for name, state in states.items():
            click.echo(f"{name}: {state}")
        click.echo(licence)
    if not failed:
        return ExitCode.OK
    return ExitCode.PARTLY if len(failed) < len(states) else ExitCode.FAILED
