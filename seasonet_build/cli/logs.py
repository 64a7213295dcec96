"""Where messages go: to stderr for people, and into a file with one JSON object a line for programs."""

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import click

from seasonet_build import __version__
from seasonet_build.errors import ConfigError

_OURS = "seasonet_build"
_FIELDS = "seasonet_fields"
_STDERR_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class LogFile(WatchedFileHandler):
    """The file of ``--log-file``: appended to, flushed line by line, opened anew when it was renamed.

    A file that can no longer be written to, for instance on a full disk, is given up with a word on stderr: a log is no
    reason to lose a run.
    """

    def __init__(self, path: Path, command: str, verbose: bool) -> None:
        """Open the file.

        Raises:
            ConfigError: it cannot be written to.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            super().__init__(path, encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ConfigError(f"--log-file: {path} cannot be written to: {reason}") from None
        self._begin, self._given_up = time.monotonic(), False
        self.setLevel(logging.DEBUG if verbose else logging.INFO)
        self.setFormatter(_JsonLines(command, verbose))

    def begin(self, config: Path | None) -> None:
        """Write the first line of a run."""
        fields = {"version": __version__, "arguments": sys.argv[1:], "config": None if config is None else str(config)}
        self.say(logging.INFO, f"seasonet-build {__version__} begins", fields)

    def end(self, code: int) -> None:
        """Write the last line of a run."""
        seconds = round(time.monotonic() - self._begin, 3)
        self.say(
            logging.INFO, f"ended with exit code {code} after {seconds} s", {"exit_code": code, "seconds": seconds}
        )

    def say(
        self, level: int, message: str, fields: Mapping[str, object] | None = None, error: BaseException | None = None
    ) -> None:
        """Write a line that goes nowhere else, with more fields and an exception if there are any."""
        trace = None if error is None else (type(error), error, error.__traceback__)
        record = logging.LogRecord(f"{_OURS}.cli", level, "", 0, message, None, trace)
        setattr(record, _FIELDS, fields or {})
        self.handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless the file has been given up."""
        if self._given_up:
            return
        try:
            super().emit(record)
        except OSError:  # The file was renamed, and no new one can be opened.
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name is logging's)
        """Give the file up."""
        reason, self._given_up = sys.exc_info()[1], True
        with suppress(OSError, ValueError):
            click.echo(f"WARNING: {self.baseFilename}: logging ends here: {reason}", err=True)
        with suppress(OSError, ValueError):
            self.close()


class _JsonLines(logging.Formatter):
    """Turns a record into one JSON object, in ASCII, on one line."""

    def __init__(self, command: str, traces: bool) -> None:
        super().__init__()
        self._command, self._traces = command, traces

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": os.getpid(),
            "command": self._command,
            **getattr(record, _FIELDS, {}),
        }
        if self._traces and record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


_log_file: LogFile | None = None


def log_file() -> LogFile | None:
    """Return the log file of this process, if there is one."""
    return _log_file


def set_up_logging(verbose: int, quiet: bool, path: Path | None, command: str, config: Path | None) -> None:
    """Send messages to stderr, as much as is asked for, and to a file.

    Other libraries are heard from WARNING on: their talk is not ours to keep, and may name what is secret.

    Raises:
        ConfigError: the file cannot be written to.
    """
    global _log_file  # noqa: PLW0603 (one a process, as logging itself; the end of the process writes to it)
    close_log_file()
    level = logging.ERROR if quiet else _STDERR_LEVELS[min(verbose, 2)]
    root, ours = logging.getLogger(), logging.getLogger(_OURS)
    if not root.handlers:
        stderr = logging.StreamHandler(sys.stderr)
        stderr.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        stderr.addFilter(lambda record: record.levelno >= level or not _is_ours(record))
        root.addHandler(stderr)
    ours.setLevel(level)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of every attempt that we make again
    if path is not None:
        _log_file = LogFile(path.absolute(), command, verbose >= 2)
        ours.setLevel(min(level, _log_file.level))
        root.addHandler(_log_file)
        _log_file.begin(None if config is None else config.absolute())


def close_log_file() -> None:
    """Close the log file, if there is one."""
    global _log_file  # noqa: PLW0603 (see above)
    if _log_file is not None:
        logging.getLogger().removeHandler(_log_file)
        with suppress(OSError, ValueError):
            _log_file.close()
        _log_file = None


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name == _OURS or record.name.startswith(f"{_OURS}.")
