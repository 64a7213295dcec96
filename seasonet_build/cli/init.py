"""``seasonet-build init``: a starter configuration."""

from pathlib import Path

import click

from seasonet_build.cli.options import verbosity_options
from seasonet_build.config.starter import starter_text
from seasonet_build.errors import ConfigError
from seasonet_build.storage import write_text


@click.command("init")
@click.argument("file", type=click.Path(path_type=Path), default="seasonet.toml")
@verbosity_options
def command(file: Path) -> None:
    """Write a commented starter configuration to FILE (default: seasonet.toml).

    Every key is there with its meaning and default. A file that exists is not overwritten.

    \b
    Example:
      seasonet-build init germany-2021.toml
    """
    if file.exists():
        raise ConfigError(f"{file} exists already; name another file")
    write_text(file, starter_text())
    click.echo(str(file))
