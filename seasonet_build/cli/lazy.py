"""Groups of commands that are imported when they are used."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that imports a command when it is used, so that ``--help`` does not wait for geospatial libraries."""

    def __init__(self, name: str | None = None, modules: Mapping[str, str] | None = None, **options: Any) -> None:
        """Take the module in ``cli`` of each command; each has a click command called ``command``."""
        super().__init__(name, **options)
        self._modules = dict(modules or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they are of use."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._modules:
            return None
        command: click.Command = import_module(f"seasonet_build.cli.{self._modules[cmd_name]}").command
        return command
