"""The command line: one command per module, each parses, calls a stage and prints."""

import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any

import click

from seasonet_build import __version__
from seasonet_build.errors import ExitCode, SeasonetError
from seasonet_build.interrupts import stop_requested

_COMMANDS = {
    "download": "download",
    "run": "run",
    "patchify": "patchify",
    "split": "split",
    "demo": "demo",
    "preview": "preview",
    "init": "init",
    "config": "config",
    "classes": "classes",
}


class _LazyGroup(click.Group):
    """A group that imports a command when it is used, so that ``--help`` does not wait for geospatial libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"seasonet_build.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Build the SeasoNet dataset: Sentinel-2 patches of four seasons and snow, with land-cover labels.

    Exit codes: 0 all done; 1 failed; 2 wrong usage or configuration; 3 done, but for damaged products that were set
    aside, or products that could not be fetched; 11 another run is at work in the workspace; 130 interrupted.
    """


def main() -> None:
    """Run the command line and end the process with one of the documented exit codes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        code = cli.main(standalone_mode=False)
    except SeasonetError as error:
        _fail(str(error), error.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.FAILED)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted; run the same command again to go on", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(ExitCode.OK)
    except OSError as error:
        _fail(str(error), ExitCode.FAILED)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def _interrupt(_signal: int, _frame: FrameType | None) -> Any:
    stop_requested.set()
    raise KeyboardInterrupt


def _fail(message: str, code: ExitCode) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(code)
