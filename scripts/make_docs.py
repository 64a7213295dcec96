#!/usr/bin/env python3
"""Write docs/cli.md and docs/configuration.md from the commands and the configuration models.

Run it after a change of either; a test fails where the files are not what this writes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from seasonet_build.cli import cli
from seasonet_build.config.models import BuildConfig
from seasonet_build.config.seasons import PAPER_SEASONS

DOCS = Path(__file__).resolve().parent.parent / "docs"

_CONFIGURATION_INTRODUCTION = """\
# Configuration

A configuration is a TOML file. `seasonet-build init` writes one with every key and its meaning; `seasonet-build config
show CONFIG` prints the resolved values and where each comes from. Unknown keys are refused. Written by
`scripts/make_docs.py`.

Paths are relative to the configuration file; `${NAME}` in a path is an environment variable, `${NAME:-text}` one with
a default. `--set section.key=value` overrides a value; relative paths given there, or in an environment variable, start
at the current folder.

GE250 with its own type layers goes into `[regions]` with `kind = "layers"` and a table for each type, such as
`ktyp4 = { layer = "*ktyp4*", column = "KTYP4*" }`; patterns must match one layer and one column.

For another year, change the windows in `[seasons.*]` and the land-cover map; for another country, the tiles, the
land-cover map (EEA's CLC2018: `class_column = "Code_18"`) and the regions (`kind = "none"` where there are none).
"""


def main() -> None:
    """Write both files."""
    DOCS.mkdir(exist_ok=True)
    (DOCS / "cli.md").write_text(cli_reference(), encoding="utf-8")
    (DOCS / "configuration.md").write_text(configuration_reference(), encoding="utf-8")


def cli_reference() -> str:
    """Return the help texts of all commands as Markdown."""
    parts = ["# Command line\n\nThe help text of every command, written by `scripts/make_docs.py`.\n"]
    parts += [f"## {name}\n\n```\n{text}\n```\n" for name, text in _help_texts(cli, "seasonet-build", None)]
    return "\n".join(parts)


def _help_texts(command: click.Command, path: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    settings = {**command.context_settings, "terminal_width": 100}
    with click.Context(command, info_name=path.rpartition(" ")[2], parent=parent, **settings) as context:
        yield path, context.get_help().rstrip()
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                yield from _help_texts(child, f"{path} {name}", context)


def configuration_reference() -> str:
    """Return all keys of a configuration as Markdown tables."""
    return "\n".join([_CONFIGURATION_INTRODUCTION, *_sections("", BuildConfig)])


def _sections(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}.{name}" if prefix else name
        for kind in _models(field.annotation):
            yield from _section(path, kind)


def _section(path: str, model: type[BaseModel]) -> Iterator[str]:
    own = {name: field for name, field in model.model_fields.items() if not _models(field.annotation)}
    kind = model.model_fields.get("kind")
    title = f"[{path}]" if kind is None else f'[{path}] with kind = "{get_args(kind.annotation)[0]}"'
    yield f"## {title}\n\n{(model.__doc__ or '').strip()}\n"
    if own:
        yield "| key | meaning | default |\n| --- | --- | --- |"
        season = PAPER_SEASONS.get(path.removeprefix("seasons."), {})
        for name, field in own.items():
            yield f"| `{name}` | {field.description or ''} | {_default(field, season.get(name))} |"
        yield ""
    yield from _sections(path, model)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models in an annotation, in order."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in get_args(annotation) for model in _models(part)]


def _default(field: FieldInfo, paper: object) -> str:
    if paper is not None:
        return f"`{paper}`"
    if field.default is PydanticUndefined:
        return "must be given"
    return "unset" if field.default is None else f"`{json.dumps(field.default)}`"


if __name__ == "__main__":
    main()
