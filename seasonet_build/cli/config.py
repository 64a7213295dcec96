"""``seasonet-build config show``: the resolved configuration."""

import json
from pathlib import Path

import click

from seasonet_build.cli.options import config_argument, json_option, set_option, show_table, verbosity_options
from seasonet_build.config import load_config


@click.group("config")
def command() -> None:
    """Look at a configuration."""


@command.command("show")
@config_argument
@set_option
@json_option
@verbosity_options
def show(config_file: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print every setting of CONFIG, its value, and where the value comes from.

    The origin is 'file', '--set' or 'default'; paths are shown absolute, with variables filled in.

    \b
    Example:
      seasonet-build config show configs/kit.toml --set split.seed=7
    """
    loaded = load_config(config_file, overrides)
    if as_json:
        settings = {key: {"value": value, "origin": origin} for key, value, origin in loaded.values()}
        click.echo(json.dumps({"file": str(loaded.file), "settings": settings}, indent=2))
        return
    rows = [(key, json.dumps(value, ensure_ascii=False), origin) for key, value, origin in loaded.values()]
    show_table(("setting", "value", "origin"), rows)
