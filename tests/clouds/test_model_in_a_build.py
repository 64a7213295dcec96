"""A model that was trained on made-up patches, put into a configuration: it chooses the snowy set of a build."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seasonet_build.clouds.examples import Examples
from seasonet_build.clouds.features import patch_features
from seasonet_build.clouds.model_file import load_model
from seasonet_build.clouds.train import train
from seasonet_build.demo.sky import Cover, make_patches
from tests.integration.support import Built, seasonet

pytestmark = pytest.mark.xdist_group("demo")

CLEAR = (Cover(), Cover(snow="250 um"), Cover(snow_share=0.5), Cover(snow_share=0.3, ground="conifers"))
CLOUDY = tuple(
    Cover(cloud=cloud, depth=depth, cloud_share=share)
    for cloud, depth in (("water", 20), ("ice", 10))
    for share in (0.1, 0.4, 1.0)
)
EACH = 3
REGIONS = 5


def made_up_examples() -> Examples:
    """Patches of known content: the same ones in several regions, each of which has a tile and a date of its own."""
    features, cloudy = [], []
    for cover in (*CLEAR, *CLOUDY):
        cloud = np.full(EACH, cover.cloud_share)
        features.append(patch_features(make_patches(cover, EACH, seed=1), cloud, 1 - cloud))
        cloudy += [cover.cloud is not None] * EACH
    regions = np.repeat(np.arange(REGIONS), len(cloudy)).tolist()
    n = len(regions)
    return Examples(
        ids=tuple(f"{region}/{i}" for i, region in enumerate(regions)),
        dates=tuple(f"2019-01-{region + 1:02d}" for region in regions),
        tiles=tuple(f"32UN{'ABCDE'[region]}" for region in regions),
        uniform=np.ones(n, dtype=bool),
        cloudy=np.tile(cloudy, REGIONS),
        features=np.tile(np.concatenate(features), (REGIONS, 1)),
        source="made up",
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("model") / "model.npz"
    file.write_bytes(train(made_up_examples(), Fraction("0.95"), seed=0).content)
    return file


@pytest.fixture(scope="module")
def own_demo(demo_build: Built, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration, built again with the model."""
    folder: Path = tmp_path_factory.mktemp("own") / "demo"
    shutil.copytree(demo_build.workspace, folder)
    run = seasonet(
        *("run", "configs/demo.toml", "--workers", 2, "--set", f"paths.workspace={folder}"),
        *("--set", f"snow.classifier={model}"),
        env={"SEASONET_DEMO": str(folder)},
    )
    assert run.returncode == 0, run.stderr
    return folder


def test_samples_are_scored_by_the_model_and_stay_below_its_threshold(own_demo, model):
    table = pd.read_parquet(own_demo / "dataset" / "meta.parquet")
    snowy = table[table["Season"] == "Snow"]
    assert 10 < len(snowy) < len(table)
    assert (snowy["cloud_score"] < load_model(model).threshold).all()
    assert table.loc[table["Season"] != "Snow", "cloud_score"].isna().all()
    signs = pd.concat(map(pd.read_parquet, sorted((own_demo / "clouds").glob("*.parquet"))))
    assert (signs["score"] >= load_model(model).threshold).any()


def test_the_dataset_gets_the_same_scores_as_its_products_to_the_last_bit(own_demo, model, tmp_path):
    run = seasonet("clouds", "apply", model, own_demo / "dataset", "-o", tmp_path / "scores.csv", "--json")
    assert run.returncode == 0, run.stderr
    table = pd.read_parquet(own_demo / "dataset" / "meta.parquet").set_index("Path")
    scores = pd.read_csv(tmp_path / "scores.csv").set_index("Path")["score"]
    assert json.loads(run.stdout) == {"patches": len(scores), "cloudy": {}}
    assert (scores == table.loc[scores.index, "cloud_score"]).all()


def test_another_model_of_the_same_name_is_a_change(own_demo, model):
    """What counts is what is in the file."""
    model.write_bytes(train(made_up_examples(), Fraction("0.5"), seed=1).content)
    run = seasonet(
        *("run", "configs/demo.toml", "--json", "--workers", 2, "--set", f"paths.workspace={own_demo}"),
        *("--set", f"snow.classifier={model}"),
        env={"SEASONET_DEMO": str(own_demo)},
    )
    assert run.returncode == 0, run.stderr
    stages = json.loads(run.stdout)["stages"]
    assert stages["screen"]["done"] > 0
    assert stages["observe"]["done"] == 0
