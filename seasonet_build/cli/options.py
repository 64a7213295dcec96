"""Options and arguments that commands share."""

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from seasonet_build.cli.logs import set_up_logging

F = TypeVar("F", bound=Callable[..., Any])


def config_argument(function: F) -> F:
    """Add the argument CONFIG, a TOML file."""
    return click.argument("config_file", metavar="CONFIG", type=click.Path(path_type=Path))(function)


def set_option(function: F) -> F:
    """Add ``--set section.key=value``."""
    return click.option(
        "overrides",
        "--set",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Override a value of the configuration; may be repeated. Relative paths start at the current folder.",
    )(function)


def workers_option(function: F) -> F:
    """Add ``--workers``."""
    return click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=lambda: os.cpu_count() or 1,
        show_default="number of cores",
        help="Processes to use. The result is the same for any number.",
    )(function)


def json_option(function: F) -> F:
    """Add ``--json``."""
    return click.option("as_json", "--json", is_flag=True, help="Print the result as one JSON object.")(function)


def verbosity_options(function: F) -> F:
    """Add ``-v``, ``-q`` and ``--log-file`` and set up logging by them."""

    @click.option("-v", "--verbose", count=True, help="Say more on stderr; twice: everything.")
    @click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
    @click.option(
        "--log-file",
        metavar="PATH",
        type=click.Path(path_type=Path),
        envvar="SEASONET_LOG_FILE",
        show_envvar=True,
        help="Append what happens to a file, one JSON object a line, whatever -v and -q say.",
    )
    @functools.wraps(function)
    def wrapped(*args: Any, verbose: int, quiet: bool, log_file: Path | None, **kwargs: Any) -> Any:
        context = click.get_current_context()
        context.obj = {"quiet": quiet}
        set_up_logging(verbose, quiet, log_file, _command_name(context), kwargs.get("config_file"))
        return function(*args, **kwargs)

    return wrapped  # type: ignore[return-value]


def require_suffix(path: Path, suffix: str, option: str) -> None:
    """Check that an option names a file of a kind.

    Raises:
        UsageError: it does not.
    """
    if path.suffix != suffix or path.is_dir():
        raise click.UsageError(f"{option} {path}: name a file that ends in {suffix}")


def _command_name(context: click.Context) -> str:
    """Return the name of a command without that of the program, such as ``config show``."""
    names = []
    while context.parent is not None:
        names.append(context.info_name or "")
        context = context.parent
    return " ".join(reversed(names))


def show_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout; columns of numbers are aligned to the right."""
    texts = [[str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
    right = [all(isinstance(row[i], int | float) for row in rows) and bool(rows) for i in range(len(header))]
    for line in (list(header), *texts):
        cells = (t.rjust(w) if r else t.ljust(w) for t, w, r in zip(line, widths, right, strict=True))
        click.echo("  ".join(cells).rstrip())


@contextmanager
def progress_bar(stage: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr if that is a terminal."""
    context = click.get_current_context(silent=True)
    quiet = bool(context is not None and context.obj and context.obj.get("quiet"))
    if quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=f"{stage:<8}", unit="", leave=False, file=sys.stderr) as bar:

        def advance() -> None:
            bar.update()

        yield advance
