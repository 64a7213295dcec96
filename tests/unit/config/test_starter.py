"""The starter configuration: it loads, and shows every key with its default."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from seasonet_build.config import load_config
from seasonet_build.config.models import BuildConfig, DistrictRegions
from seasonet_build.config.seasons import SeasonWindow, SnowWindow
from seasonet_build.config.starter import starter_text

KEY = re.compile(r"(?P<comment># )?(?P<key>\w+) =(?P<value>.*)")
SECTIONS: dict[str, type[BaseModel]] = {
    **{
        name: field.annotation
        for name, field in BuildConfig.model_fields.items()
        if isinstance(field.annotation, type) and name not in ("regions", "seasons")
    },
    "regions": DistrictRegions,
    **{f"seasons.{season}": SeasonWindow for season in ("spring", "summer", "fall", "winter")},
    "seasons.snow": SnowWindow,
}


def sections_of(text: str) -> dict[str, list[str]]:
    """The lines of each section."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = lines = []
        elif found:
            lines.append(line)
    return found


def config_of(folder: Path, text: str) -> dict[str, Any]:
    (folder / "starter.toml").write_text(text, encoding="utf-8")
    return load_config(folder / "starter.toml").config.model_dump(mode="json")


def test_it_is_toml_with_every_section_and_key():
    text = starter_text()
    tomllib.loads(text)
    sections = sections_of(text)
    assert set(sections) == set(SECTIONS)
    for name, lines in sections.items():
        keys = [match["key"] for match in map(KEY.fullmatch, lines) if match]
        assert keys == list(SECTIONS[name].model_fields), name


def test_every_key_has_its_meaning_above_it():
    for name, lines in sections_of(starter_text()).items():
        for above, line in pairwise(lines):
            if KEY.fullmatch(line):
                assert above.startswith("# "), f"{name}: {line}"
                assert not KEY.fullmatch(above), f"{name}: {line}"


@pytest.mark.parametrize("made", [False, True])
def test_it_loads_whether_its_paths_exist_or_not(tmp_path, made):
    if made:
        (tmp_path / "products").mkdir()
        (tmp_path / "districts.gpkg").write_bytes(b"")
    config = config_of(tmp_path, starter_text())
    assert config["paths"]["workspace"] == str(tmp_path / "work")
    assert config["area"]["tiles"] == ["32ULA", "32ULV"]


def test_what_is_commented_out_is_the_default(tmp_path):
    text = starter_text()
    plain = config_of(tmp_path, text)
    shown = [match for match in map(KEY.fullmatch, text.splitlines()) if match and match["comment"] and match["value"]]
    assert len(shown) > 10
    stated = re.sub(r"^# (\w+ = .+)$", r"\1", text, flags=re.MULTILINE)
    assert stated != text
    assert config_of(tmp_path, stated) == plain
