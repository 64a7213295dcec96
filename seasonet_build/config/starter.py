"""A commented starter configuration, written from the models so that it names every key and no other."""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from seasonet_build.config.models import BuildConfig, DistrictRegions
from seasonet_build.config.seasons import PAPER_SEASONS, SeasonWindow, SnowWindow

_HEADER = """\
# A dataset in SeasoNet's form. Check it with 'seasonet-build config show', build it with 'seasonet-build run'.
# Paths are relative to this file; ${NAME} is an environment variable, ${NAME:-text} one with a default.
# Keys that are commented out show their defaults.
"""

_EXAMPLES: dict[str, dict[str, Any]] = {
    "dataset": {"name": "my-seasonet"},
    "paths": {"workspace": "work"},
    "area": {"tiles": ["32ULA", "32ULV"]},
    "products": {"folders": ["products"]},
    "labels": {"source": "clc5_2018.utm32s.shape.zip"},
    "regions": {
        "kind": "districts",
        "source": "districts.gpkg",
        "table": "district-types.csv",
    },
}
"""What a user must state, with values to be replaced."""


def starter_text() -> str:
    """Return a starter configuration as TOML with a comment for each key."""
    lines = [_HEADER]
    for name, field in BuildConfig.model_fields.items():
        if name == "seasons":
            lines += _season_sections()
        else:
            model = DistrictRegions if name == "regions" else _model_of(field)
            lines += _section(name, model, _EXAMPLES.get(name, {}))
    return "\n".join(lines) + "\n"


def _model_of(field: FieldInfo) -> type[BaseModel]:
    assert isinstance(field.annotation, type)
    assert issubclass(field.annotation, BaseModel)
    return field.annotation


def _season_sections() -> Iterator[str]:
    for season, values in PAPER_SEASONS.items():
        yield from _section(f"seasons.{season}", SnowWindow if season == "snow" else SeasonWindow, values)


def _section(name: str, model: type[BaseModel], values: Mapping[str, Any]) -> Iterator[str]:
    yield f"[{name}]"
    for key, field in model.model_fields.items():
        if field.description:
            yield f"# {field.description}"
        if key in values:
            yield f"{key} = {_toml(values[key])}"
        elif field.default in (None, PydanticUndefined):
            yield f"# {key} ="
        else:
            yield f"# {key} = {_toml(field.default)}"
    yield ""


def _toml(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else json.dumps(value)
