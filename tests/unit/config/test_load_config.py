"""Reading configurations: what may be stated, where it comes from, and how mistakes are named."""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.config import BuildConfig, load_config
from seasonet_build.config.load import LoadedConfig
from seasonet_build.config.models import NoRegions
from seasonet_build.errors import ConfigError
from tests.unit.helpers import ROOT, modest

MINIMAL = """\
[dataset]
name = "small"
[paths]
workspace = "work"
[products]
folders = ["products"]
[labels]
source = "map.gpkg"
"""


def load(folder: Path, text: str = "", overrides: Sequence[str] = ()) -> LoadedConfig:
    """Load the minimal configuration with some text more."""
    (folder / "build.toml").write_text(MINIMAL + text, encoding="utf-8")
    return load_config(folder / "build.toml", overrides)


def refused(folder: Path, *words: str, text: str = "", overrides: Sequence[str] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, overrides)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


# ------------------------------------------------------------------------------------------------ what is loaded


def test_what_is_not_stated_is_as_in_the_paper(tmp_path):
    config = load(tmp_path).config
    assert config.dataset_root == tmp_path / "work" / "dataset"
    assert (config.seasons.spring.start, config.seasons.spring.end) == (date(2018, 4, 1), date(2018, 5, 31))
    assert (config.seasons.winter.max_cloud, config.seasons.winter.max_snow) == (10.0, 10.0)
    assert (config.seasons.fall.max_cloud, config.seasons.fall.max_snow) == (5.0, 1.0)
    assert (config.seasons.snow.min_snow, config.seasons.snow.max_cloud) == (10.0, None)
    assert (config.split.train, config.split.val, config.split.test) == (0.7, 0.1, 0.2)
    assert config.labels.min_coverage == 1.0
    assert isinstance(config.regions, NoRegions)


def test_a_season_may_be_stated_in_part(tmp_path):
    config = load(tmp_path, "[seasons.summer]\nmax_cloud = 2.5\n").config
    assert config.seasons.summer.max_cloud == 2.5
    assert config.seasons.summer.start == date(2018, 7, 1)
    assert config.seasons.spring.max_cloud == 5.0


def test_another_year(tmp_path):
    seasons = {
        "spring": ("2021-04-01", "2021-05-31"),
        "summer": ("2021-07-01", "2021-08-31"),
        "fall": ("2021-10-01", "2021-11-30"),
        "winter": ("2022-01-01", "2022-02-28"),
        "snow": ("2021-04-01", "2022-02-28"),
    }
    text = "".join(f"[seasons.{name}]\nstart = {start}\nend = {end}\n" for name, (start, end) in seasons.items())
    config = load(tmp_path, text).config
    for name, (start, end) in seasons.items():
        window = getattr(config.seasons, name)
        assert (window.start.isoformat(), window.end.isoformat()) == (start, end)
    assert config.seasons.winter.max_cloud == 10.0


@pytest.mark.parametrize("file", sorted((ROOT / "configs").glob("*.toml")), ids=lambda path: path.name)
def test_the_configurations_of_the_project_load(file, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SEASONET")]:
        monkeypatch.delenv(name)
    config = load_config(file).config
    assert all(folder.is_absolute() for folder in config.products.folders)


# ------------------------------------------------------------------------------------------------------ overrides


def test_overrides_and_origins(tmp_path):
    text = '[split]\nseed = 1\ntrain = 0.8\nval = 0.1\ntest = 0.1\n[regions]\nkind = "none"\n'
    loaded = load(tmp_path, text, ["split.seed=7", "output.level=3", "area.tiles=['32ULV', '32ULA']"])
    values = {key: (value, origin) for key, value, origin in loaded.values()}
    assert values["split.seed"] == (7, "--set")
    assert values["output.level"] == (3, "--set")
    assert values["area.tiles"] == (["32ULA", "32ULV"], "--set")
    assert values["split.train"] == (0.8, "file")
    assert values["labels.source"] == (str(tmp_path / "map.gpkg"), "file")
    assert values["regions.kind"] == ("none", "file")
    assert values["seasons.spring.start"] == ("2018-04-01", "default")
    assert {origin for _, origin in values.values()} == {"--set", "file", "default"}


def test_a_whole_section_may_be_overridden(tmp_path):
    loaded = load(tmp_path, "[split]\nseed = 1\n", ["split={train=1.0, val=0.0, test=0.0}"])
    values = {key: (value, origin) for key, value, origin in loaded.values()}
    assert values["split.train"] == (1.0, "--set")
    assert values["split.seed"] == (2018, "default")


@pytest.mark.parametrize(
    ("override", "key", "expected"),
    [
        ("dataset.name=other", "dataset.name", "other"),
        ('dataset.name="other"', "dataset.name", "other"),
        (" dataset.name = other ", "dataset.name", "other"),
        ("labels.class_column=CLC??", "labels.class_column", "CLC??"),
        ("labels.crs=EPSG:25832", "labels.crs", "EPSG:25832"),
        ("labels.layers=a=b", "labels.layers", "a=b"),
        ("seasons.spring.start=2018-04-10", "seasons.spring.start", "2018-04-10"),
        ("seasons.snow.max_cloud=50", "seasons.snow.max_cloud", 50.0),
        ("output.masks=true", "output.masks", True),
    ],
)
def test_values_of_overrides(tmp_path, override, key, expected):
    values = {name: value for name, value, _ in load(tmp_path, "", [override]).values()}
    assert values[key] == expected


def test_the_last_override_counts(tmp_path):
    assert load(tmp_path, "", ["split.seed=1", "split.seed=2"]).config.split.seed == 2


@pytest.mark.parametrize("override", ["", "=", "split.seed", "=7", ".seed=7", "split.=7", "split..seed=7"])
def test_overrides_that_are_none_are_refused(tmp_path, override):
    assert refused(tmp_path, "--set", repr(override), "section.key=value", overrides=[override])


def test_overriding_inside_a_value_is_refused(tmp_path):
    refused(tmp_path, "--set dataset.name.x", "name", "is a value", overrides=["dataset.name.x=1"])


# ---------------------------------------------------------------------------------------------------------- paths


def test_paths_in_a_file_start_at_the_file(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs" / "build.toml").write_text(MINIMAL.replace('"work"', '"../work/./x"'))
    config = load_config(Path("configs/build.toml")).config
    assert config.workspace == tmp_path / "work" / "x"
    assert config.products.folders == (tmp_path / "configs" / "products",)
    assert config.labels.source == tmp_path / "configs" / "map.gpkg"


def test_paths_on_the_command_line_start_at_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    overrides = ["paths.workspace=work", 'products.folders=["a", "../b"]', "labels.source='/abs/map.gpkg'"]
    config = load(tmp_path, "", overrides).config
    assert config.workspace == tmp_path / "here" / "work"
    assert config.products.folders == (tmp_path / "here" / "a", tmp_path / "b")
    assert config.labels.source == Path("/abs/map.gpkg")


def path_with(folder: Path, text: str) -> Path:
    return load(folder, f"[area]\noutline = {text!r}\n").config.area.outline or Path()


def test_variables_in_paths(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("SEASONET_X", "/data")
    assert path_with(tmp_path, "${SEASONET_X}/a/${SEASONET_X}") == Path("/data/a/data")
    assert path_with(tmp_path, "${SEASONET_X:-default}/a") == Path("/data/a")
    # What the environment states starts at the current folder, a default at the file.
    monkeypatch.setenv("SEASONET_X", "data")
    assert path_with(tmp_path, "${SEASONET_X:-default}/a") == tmp_path / "here" / "data" / "a"
    assert path_with(tmp_path, "sub/${SEASONET_X}") == tmp_path / "sub" / "data"
    monkeypatch.setenv("SEASONET_X", "")
    assert path_with(tmp_path, "${SEASONET_X:-default}/a") == tmp_path / "default" / "a"
    monkeypatch.delenv("SEASONET_X")
    assert path_with(tmp_path, "${SEASONET_X:-default}/a") == tmp_path / "default" / "a"
    assert path_with(tmp_path, "a${SEASONET_X:-}") == tmp_path / "a"


def test_a_variable_that_is_not_set_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("SEASONET_X", raising=False)
    refused(tmp_path, "area.outline", "SEASONET_X is not set", text='[area]\noutline = "${SEASONET_X}/a"\n')


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert path_with(tmp_path, "~/a") == tmp_path / "home" / "a"


def test_a_home_folder_that_does_not_exist_is_named(tmp_path):
    refused(tmp_path, "area.outline", "nosuchuser", text='[area]\noutline = "~nosuchuser/a"\n')


# ------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[splitt]\nseed = 1\n", ("'splitt'", "did you mean 'split'?")),
        ("[split]\nsed = 1\n", ("'split.sed'", "did you mean 'seed'?")),
        ("[seasons.autumn]\nmax_cloud = 1\n", ("'seasons.autumn'",)),
        ("[seasons.fall]\nmaxcloud = 1\n", ("'seasons.fall.maxcloud'", "did you mean 'max_cloud'?")),
        ("[seasons.snow]\nmax_snow = 1\n", ("'seasons.snow.max_snow'", "did you mean")),
        ('[regions]\nkind = "none"\nsource = "x"\n', ("'regions.source'",)),
        ('[regions]\nkind = "districts"\nsource = "x"\ntable = "y"\nkeys = "z"\n', ("'regions.keys'", "'key'")),
        ("[split]\nzzzzzz = 1\n", ("'split.zzzzzz'", "known keys here: balance, block_m, ", "seed, subsets, test")),
        ("[output]\nlayers = 1\n", ("'output.layers'",)),
        ("[output]\nnone = 1\n", ("'output.none'",)),
    ],
)
def test_unknown_keys_are_named_with_a_suggestion(tmp_path, text, words):
    refused(tmp_path, "unknown key", *words, text=text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[split]\ntrain = 0.8\n", ("split", "add up to 1.1, not 1")),
        ("[split]\ntrain = 1.5\n", ("split.train", "1.5")),
        ("[split]\ntrain = -0.1\n", ("split.train",)),
        ("[split]\ntrain = nan\n", ("split.train", "nan")),
        ("[split]\nseed = 1.5\n", ("split.seed", "1.5")),
        ("[split]\nseed = -1\n", ("split.seed", "-1")),
        ('[split]\nmethod = "random"\n', ("split.method", "'random'")),
        ("[split]\nbuffer = 2\n", ("split.buffer", "2")),
        ("[split]\nblock_m = 1000\n", ("split.block_m", "1000")),
        ('[split]\nbalance = ["age"]\n', ("split.balance", "'age'")),
        ("[seasons.spring]\nend = 2018-07-15\n", ("spring and summer overlap",)),
        ("[seasons.spring]\nend = 2018-07-01\n", ("spring and summer overlap",)),
        ("[seasons.winter]\nstart = 2018-05-01\n", ("overlap", "winter")),
        ("[seasons.spring]\nstart = 2021-04-01\n", ("seasons.spring", "end 2018-05-31 is before start 2021-04-01")),
        ("[seasons.snow]\nend = 2017-01-01\n", ("seasons.snow", "before start")),
        ("[seasons.spring]\nstart = 2018-13-01\n", ("not valid TOML",)),
        ('[seasons.spring]\nstart = "April"\n', ("seasons.spring.start", "'April'")),
        ("[seasons.spring]\nmax_cloud = 101\n", ("seasons.spring.max_cloud", "101")),
        ("[seasons.spring]\nmax_cloud = nan\n", ("seasons.spring.max_cloud",)),
        ("[seasons]\nspring = 5\n", ("seasons.spring", "5")),
        ('[area]\ntiles = ["32ZZZ"]\n', ("area.tiles", "'32ZZZ' does not exist")),
        ('[area]\ntiles = ["32ULV", "32ULV"]\n', ("area.tiles", "twice")),
        ('[area]\ntiles = "32ULV"\n', ("area.tiles", "'32ULV'")),
        ("[output]\nlevel = 0\n", ("output.level", "0")),
        ('[output]\ncompression = "jpeg"\n', ("output.compression", "'jpeg'")),
        ('[output]\ncompression = "deflate"\nlevel = 12\n', ("output", "level 12 is too high for deflate")),
        ("[output]\npredictor = 3\n", ("output.predictor", "3")),
        ('[regions]\nkind = "circles"\n', ("regions", "circles")),
        ('[regions]\nsource = "x"\n', ("regions", "kind")),
        ('[regions]\nkind = "districts"\n', ("regions.source: this key is required", "regions.table")),
        ('[regions]\nkind = "districts"\nsource = "x"\ntable = "y"\nmax_distance_m = -1\n', ("max_distance_m",)),
        ('[regions]\nkind = "districts"\nsource = "x"\ntable = "y"\nmax_distance_m = inf\n', ("max_distance_m", "inf")),
        (
            '[regions]\nkind = "layers"\nsource = "x"\nrtyp3 = 5\n[regions.ktyp4]\nlayer = "a"\n',
            ("regions.rtyp3", "regions.ktyp4.column"),
        ),
    ],
)
def test_wrong_values_are_named_with_their_key(tmp_path, text, words):
    refused(tmp_path, str(tmp_path / "build.toml"), *words, text=text)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "small"', "", ("dataset.name: this key is required",)),
        ('name = "small"', 'name = "a b"', ("dataset.name", "'a b'")),
        ('name = "small"', 'name = "../x"', ("dataset.name", "'../x'")),
        ('name = "small"', "name = 5", ("dataset.name", "5")),
        ('[labels]\nsource = "map.gpkg"', "", ("labels: this key is required",)),
        ('folders = ["products"]', "folders = []", ("products.folders",)),
        ('source = "map.gpkg"', 'source = "map.gpkg"\nlayers = 5', ("labels.layers", "5")),
        ('source = "map.gpkg"', 'source = "map.gpkg"\nmin_coverage = 0', ("labels.min_coverage", "0")),
        ('source = "map.gpkg"', 'source = "map.gpkg"\nconnectivity = 6', ("labels.connectivity", "6")),
        ('workspace = "work"', "workspace = 7", ("paths.workspace", "7")),
    ],
)
def test_mistakes_in_what_must_be_stated(tmp_path, old, new, words):
    (tmp_path / "build.toml").write_text(MINIMAL.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "build.toml")
    for word in (str(tmp_path / "build.toml"), *words):
        assert word in str(caught.value)


def test_all_mistakes_are_named_at_once(tmp_path):
    message = refused(tmp_path, text="[split]\nseed = -1\nsed = 2\n[output]\nlevel = 99\n")
    for key in ("split.seed", "split.sed", "output.level"):
        assert key in message


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'name = "K\xf6ln"')
    (tmp_path / "broken.toml").write_text("[dataset\n")
    for name, words in {
        "none.toml": "no such file",
        "latin.toml": "cannot be read",
        "broken.toml": "not valid TOML",
        ".": "cannot be read",
    }.items():
        with pytest.raises(ConfigError, match=words) as caught:
            load_config(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


json_like = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abx", min_size=1), inner, max_size=2),
    max_leaves=4,
)
known_keys = [
    *("dataset.name", "paths.workspace", "paths.dataset", "area.tiles", "area.outline", "products.folders"),
    *("products.damaged", "labels.source", "labels.layers", "regions", "regions.kind", "seasons", "seasons.spring"),
    *("split.method", "split.keep", "split.block_m", "split.buffer", "split.balance", "split.subsets"),
    *("seasons.winter.end", "seasons.snow.max_cloud", "split", "split.train", "output.level", "output.masks"),
]


@modest
@given(st.sampled_from(known_keys), json_like)
def test_no_value_is_too_odd_to_be_refused(key, value):
    given_values: dict[str, Any] = {
        "dataset": {"name": "small"},
        "paths": {"workspace": "work"},
        "products": {"folders": ["products"]},
        "labels": {"source": "map.gpkg"},
    }
    *parents, last = key.split(".")
    section = given_values
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = value
    try:
        config = BuildConfig.model_validate(given_values, context={"base": "/base"})
    except ValueError:  # pydantic's ValidationError is one; load_config explains it
        return
    assert config.model_dump(mode="json")
