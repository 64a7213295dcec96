"""The command line: one command per module, each parses, calls a stage and prints."""

import sys

import click

from seasonet_build import __version__
from seasonet_build.cli.endings import end_with, heed_signals, heed_signals_no_more, let_go_of_output
from seasonet_build.cli.lazy import LazyGroup
from seasonet_build.cli.logs import log_file
from seasonet_build.errors import ExitCode

_COMMANDS = {
    "download": "download",
    "run": "run",
    "patchify": "patchify",
    "split": "split",
    "verify": "verify",
    "demo": "demo",
    "status": "status",
    "preview": "preview",
    "init": "init",
    "config": "config",
    "clouds": "clouds",
    "classes": "classes",
}


@click.group(
    cls=LazyGroup, modules=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Build the SeasoNet dataset: Sentinel-2 patches of four seasons and snow, with land-cover labels.

    Exit codes: 0 all done; 1 failed; 2 wrong usage or configuration; 3 done, but for damaged products that were set
    aside, or products that could not be fetched, or verify or status found something wrong; 11 another run is at work
    in the workspace; 130 interrupted.
    """


def main() -> None:
    """Run the command line and end the process with one of the documented exit codes."""
    heed_signals()
    try:
        code = cli.main(standalone_mode=False)
        code = code if isinstance(code, int) else ExitCode.OK
    except SystemExit as ended:  # click's word for a pipe that nobody reads any more
        code = ended.code if isinstance(ended.code, int) else ExitCode.FAILED
    except (Exception, KeyboardInterrupt) as error:
        heed_signals_no_more()
        code = end_with(error)
    file = log_file()
    if file is not None:
        file.end(code)
    let_go_of_output()
    sys.exit(code)
