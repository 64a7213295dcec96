"""Read a configuration file, apply ``--set`` and report mistakes in one line."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from seasonet_build.config.models import BuildConfig
from seasonet_build.config.paths import ShellText
from seasonet_build.config.section import Section
from seasonet_build.config.split import SplitSection
from seasonet_build.errors import ConfigError

_KINDS_OF_REGIONS = "districts", "layers", "none"
"""pydantic puts the kind into the place of a mistake, between ``regions`` and the key."""


@dataclass(frozen=True)
class LoadedConfig:
    """A checked configuration, the file it came from, and where each value comes from."""

    config: BuildConfig
    file: Path
    origins: Mapping[str, str]
    """Dotted key -> ``--set`` or ``file``; keys that are absent have their default."""

    def values(self) -> Iterator[tuple[str, Any, str]]:
        """Yield dotted key, value and origin (``--set``, ``file`` or ``default``) of every setting."""
        for key, value in _flatten(self.config.model_dump(mode="json")):
            yield key, value, self.origins.get(key, "default")


def load_config(file: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read and check a configuration file.

    Args:
        file: a TOML file.
        overrides: ``section.key=value`` texts; the value is read as TOML, else taken as text.

    Raises:
        ConfigError: the file cannot be read, a key is unknown, or a value is wrong.
    """
    given = _read_toml(file)
    origins = {key: "file" for key, _ in _flatten(given)}
    for override in overrides:
        key, value = _parse_override(override)
        _put(given, key, value)
        origins = {k: o for k, o in origins.items() if k != key and not k.startswith(f"{key}.")}
        origins |= {k: "--set" for k, _ in _flatten(value, key)}
    try:
        config = BuildConfig.model_validate(given, context={"base": file.absolute().parent})
    except ValidationError as error:
        raise ConfigError(f"{file}: {_explain(error)}") from None
    return LoadedConfig(config, file, origins)


class _SplitAlone(Section):
    split: SplitSection = SplitSection.model_validate({})


def load_split_options(overrides: Sequence[str]) -> SplitSection:
    """Return the options of a split without a configuration file: defaults and overrides.

    Raises:
        ConfigError: an override is of another section, its key is unknown, or its value is wrong.
    """
    given: dict[str, Any] = {}
    for override in overrides:
        key, value = _parse_override(override)
        if not key.startswith("split."):
            raise ConfigError(f"--set {key}: only split.* has an effect on a dataset without a configuration")
        _put(given, key, value)
    try:
        return _SplitAlone.model_validate(given).split
    except ValidationError as error:
        raise ConfigError(f"--set: {_explain(error)}") from None


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file; 'seasonet-build init' writes a starter configuration") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from None


def _parse_override(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    key = key.strip()
    if not separator or not all(key.split(".")):
        raise ConfigError(f"--set {text!r}: write it as section.key=value")
    try:
        return key, _from_shell(tomllib.loads(f"value = {value}")["value"])
    except tomllib.TOMLDecodeError:
        return key, ShellText(value.strip())


def _from_shell(value: Any) -> Any:
    """Mark the texts in a value as coming from the command line."""
    if isinstance(value, str):
        return ShellText(value)
    if isinstance(value, list):
        return [_from_shell(item) for item in value]
    if isinstance(value, dict):
        return {key: _from_shell(item) for key, item in value.items()}
    return value


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        child = values.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"--set {key}: {parent} is a value, not a section")
        values = child
    values[last] = value


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _flatten(child, f"{prefix}.{key}" if prefix else str(key))
    elif prefix:
        yield prefix, value


def _explain(error: ValidationError) -> str:
    """Return all mistakes in one line, each as ``key: what is wrong``."""
    return "; ".join(_explain_one(dict(item)) for item in error.errors())


def _explain_one(item: Mapping[str, Any]) -> str:
    location = [str(part) for part in item["loc"]]
    if location[:1] == ["regions"] and len(location) > 1 and location[1] in _KINDS_OF_REGIONS:
        del location[1]
    key = ".".join(location)
    if item["type"] == "extra_forbidden":
        return f"unknown key {key!r}{_suggestion(location)}"
    if item["type"] == "missing":
        return f"{key}: this key is required"
    message = str(item["msg"]).removeprefix("Value error, ")
    shown = "" if isinstance(item["input"], dict | BaseModel) else f" (it is {item['input']!r})"
    return f"{key}: {message[0].lower()}{message[1:]}{shown}" if key else message


def _suggestion(location: Sequence[str]) -> str:
    known = _known_keys(location[:-1])
    close = difflib.get_close_matches(location[-1], known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known keys here: {', '.join(known)}" if known else ""


def _known_keys(section: Sequence[str]) -> list[str]:
    """Return the keys that a section knows."""
    models: list[type[BaseModel]] = [BuildConfig]
    for part in section:
        annotations = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        kinds = [kind for a in annotations for kind in (get_args(a) or (a,))]
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return sorted({name for model in models for name in model.model_fields})
