"""How a command ends: the exit code and the one line for each kind of error."""

import logging
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

import click

from seasonet_build.cli.logs import log_file
from seasonet_build.errors import ExitCode, SeasonetError
from seasonet_build.interrupts import stop_requested
from seasonet_build.storage import is_disk_full

_FLOCK_S = 2.0
_last_asked = [0.0]

_INTERRUPTED = "interrupted; run the same command again to go on"


def heed_signals() -> None:
    """Let Ctrl-C, ``kill`` and the end of the terminal stop a command in order."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    # nohup has it ignored: then the end of the terminal is none of our business.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def heed_signals_no_more() -> None:
    """Let nothing stop a command that ends already."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def end_with(error: BaseException) -> ExitCode:
    """Say what an error means, on stderr and in the log file, and return the exit code.

    Raises:
        BaseException: the error itself, if it is none that was thought of.
    """
    if isinstance(error, BrokenPipeError):
        return ExitCode.OK  # Whoever read along has had enough.
    code, line = _explain(error)
    file = log_file()
    if file is not None:
        file.say(logging.CRITICAL if code is None else logging.ERROR, line, error=error)
    if code is None:
        if file is not None:
            file.end(ExitCode.FAILED)
        raise error
    with suppress(OSError):  # The terminal may be gone.
        if isinstance(error, click.ClickException):
            error.show()
        else:
            click.echo(f"error: {line}", err=True)
    return code


def let_go_of_output() -> None:
    """Drop what can no longer be written to stdout and stderr.

    What stays in their buffers, Python would try once more at its very end, and end with an exit code of its own.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            if stream is not None:  # closed by whoever started the program
                stream.flush()
        except OSError:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115


def _explain(error: BaseException) -> tuple[ExitCode | None, str]:
    """Return exit code and text of an error; no code: it is one that was not thought of."""
    text = " ".join(str(error).split())
    match error:
        case SeasonetError():
            return error.exit_code, text
        case click.ClickException():
            code = ExitCode.USAGE if isinstance(error, click.UsageError) else ExitCode.FAILED
            return code, " ".join(error.format_message().split())
        case KeyboardInterrupt() | click.Abort():
            return ExitCode.INTERRUPTED, _INTERRUPTED
        case MemoryError():
            return ExitCode.FAILED, "out of memory; use fewer --workers"
        case OSError() if stop_requested.is_set():  # A terminal that is gone cannot be written to.
            return ExitCode.INTERRUPTED, _INTERRUPTED
        case OSError() if is_disk_full(error, ()):
            where = f": {error.filename}" if error.filename else ""
            advice = "free some space and run the same command again; what is done is kept"
            return ExitCode.FAILED, f"the disk is full{where}: {advice}"
        case OSError():
            return ExitCode.FAILED, text
    return None, f"{type(error).__name__}: {text}"


def _interrupt(_signal: int, _frame: FrameType | None) -> Any:
    """Stop the command; signals that come in a flock, from terminal and script, are one: they must not stop the end."""
    first, now = not stop_requested.is_set(), time.monotonic()
    stop_requested.set()
    if first or now - _last_asked[0] > _FLOCK_S:
        _last_asked[0] = now
        raise KeyboardInterrupt
