"""What can go wrong, and the exit code that each kind ends the program with.

A message is one line: what is wrong, where (file, key, value), and what to do.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line; documented in the README."""

    OK = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    LOCKED = 11
    INTERRUPTED = 130


class SeasonetError(Exception):
    """An error that a user can act upon; shown as one line, without a traceback."""

    exit_code: ExitCode = ExitCode.FAILED


class DataError(SeasonetError):
    """An input file is damaged, incomplete or not what the configuration says."""


class ConfigError(SeasonetError):
    """The configuration or the command line is wrong."""

    exit_code = ExitCode.USAGE


class ProductError(DataError):
    """A Sentinel-2 product cannot be used."""

    def __init__(self, product: str, reason: str) -> None:
        """Name the product and say in one clause what is wrong with it."""
        super().__init__(f"{product}: {reason}")
        self.product = product
        self.reason = reason

    def __reduce__(self) -> tuple[type["ProductError"], tuple[str, str]]:
        """Rebuild from both parts, so that the error crosses a process boundary."""
        return (ProductError, (self.product, self.reason))


class WorkspaceLockedError(SeasonetError):
    """Another run holds the workspace."""

    exit_code = ExitCode.LOCKED


class UnitKilledError(SeasonetError):
    """A unit of work ended its worker process again and again."""


class DiskFullError(SeasonetError):
    """There is no room for what has to be written."""
