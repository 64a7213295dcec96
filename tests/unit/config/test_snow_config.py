"""The section ``[snow]``: what tells cloud from snow."""

from pathlib import Path

import pytest

from seasonet_build.config import BuildConfig, load_config
from seasonet_build.errors import ConfigError

BASE = """
[dataset]
name = "x"
[paths]
workspace = "work"
[products]
folders = ["products"]
[labels]
source = "map.gpkg"
"""


def load(folder: Path, section: str = "", *overrides: str) -> BuildConfig:
    file = folder / "x.toml"
    file.write_text(BASE + section, encoding="utf-8")
    return load_config(file, overrides).config


def test_the_screen_is_the_default_with_the_limits_that_are_documented(tmp_path):
    snow = load(tmp_path).snow
    assert (snow.classifier, snow.model, snow.max_bright, snow.max_vapour) == ("screen", None, 1.0, 1.25)


@pytest.mark.parametrize("word", ["screen", "ukis", "none"])
def test_words_are_taken_as_they_are(tmp_path, word):
    snow = load(tmp_path, f'[snow]\nclassifier = "{word}"').snow
    assert (snow.classifier, snow.model) == (word, None)


def test_a_model_is_found_from_the_configuration_or_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELS", "/models")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load(tmp_path, '[snow]\nclassifier = "m.npz"').snow.model == tmp_path / "m.npz"
    assert load(tmp_path, '[snow]\nclassifier = "${MODELS}/m.npz"').snow.model == Path("/models/m.npz")
    assert load(tmp_path, "", "snow.classifier=m.npz").snow.model == elsewhere / "m.npz"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('classifier = "model.pkl"', "snow.classifier: write one of screen, ukis, none, or the path of a model file"),
        ('classifier = "Screen"', "snow.classifier: write one of"),
        ('classifier = ""', "snow.classifier: write one of"),
        ("classifier = 3", "snow.classifier: "),
        ("max_bright = 101", "snow.max_bright: "),
        ("max_bright = -1", "snow.max_bright: "),
        ("max_vapour = 0", "snow.max_vapour: "),
        ("max_vapour = nan", "snow.max_vapour: "),
        ("max_vapor = 1.3", "unknown key 'snow.max_vapor'; did you mean 'max_vapour'?"),
    ],
)
def test_wrong_values_are_refused_with_their_key(tmp_path, section, said):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"[snow]\n{section}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["work/dataset/m.npz", "work/clouds/../dataset/x/m.npz"])
def test_a_model_does_not_lie_where_only_results_belong(tmp_path, place):
    with pytest.raises(ConfigError, match=r"snow\.classifier: .* lies in the dataset"):
        load(tmp_path, f'[snow]\nclassifier = "{place}"')


@pytest.mark.parametrize("value", [3, None, ["screen"], {"name": "screen"}, True])
def test_other_types_are_refused_not_crashed_on(value):
    with pytest.raises(ValueError, match="classifier"):
        BuildConfig.model_validate(
            {
                "dataset": {"name": "x"},
                "paths": {"workspace": "w"},
                "products": {"folders": ["p"]},
                "labels": {"source": "m"},
                "snow": {"classifier": value},
            }
        )
