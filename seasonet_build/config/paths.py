"""Paths in a configuration: variables are filled in, relative paths made absolute.

A path is relative to what its writer sees: in a file, to the folder of that file; on the command line or in an
environment variable, to the current folder.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


class ShellText(str):
    """Text that came from the command line, so that relative paths in it start at the current folder."""

    __slots__ = ()


def resolve_path(value: Any, info: ValidationInfo) -> Any:
    """Turn the text of a path into an absolute path.

    ``${NAME}`` is the environment variable, ``${NAME:-text}`` has ``text`` where it is not set, ``~`` is the home.

    Raises:
        ValueError: a variable without a default is not set, or a home folder is not known.
    """
    if not isinstance(value, str):
        return value
    base = Path((info.context or {}).get("base", "."))
    if isinstance(value, ShellText) or _starts_with_set_variable(value):
        base = Path.cwd()
    try:
        path = Path(_VARIABLE.sub(_variable, value)).expanduser()
    except RuntimeError:
        raise ValueError(f"the home folder in {value!r} is not known") from None
    return Path(os.path.normpath(Path.cwd() / base / path))


def _starts_with_set_variable(text: str) -> bool:
    match = _VARIABLE.match(text)
    return match is not None and bool(os.environ.get(match["name"]))


def _variable(match: re.Match[str]) -> str:
    value = os.environ.get(match["name"]) or match["default"]
    if value is None:
        raise ValueError(f"environment variable {match['name']} is not set")
    return value


ConfigPath = Annotated[Path, BeforeValidator(resolve_path)]
"""A path in the configuration; absolute after validation."""
