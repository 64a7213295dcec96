"""The snowy set of a build: screened before the best scenes are chosen, and scored."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.integration.support import Built, kit_environment, seasonet


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("demo", marks=pytest.mark.xdist_group("demo")),
        pytest.param("kit", marks=pytest.mark.xdist_group("kit")),
    ],
)
def built(request: pytest.FixtureRequest) -> Built:
    found: Built = request.getfixturevalue(f"{request.param}_build")
    return found


def scores_of(dataset: Path) -> "pd.Series[float]":
    table = pd.read_parquet(dataset / "meta.parquet").set_index("Path")
    return table.loc[table["Season"] == "Snow", "cloud_score"]


def test_there_is_a_snowy_set_and_every_sample_in_it_has_a_score(built):
    scores = scores_of(built.dataset)
    assert len(scores) > 10
    assert scores.notna().all()
    table = pd.read_parquet(built.dataset / "meta.parquet")
    assert table.loc[table["Season"] != "Snow", "cloud_score"].isna().all()


def test_the_report_counts_the_candidates_of_all_scenes_and_those_that_were_cloudy(built):
    signs = pd.concat(map(pd.read_parquet, sorted((built.workspace / "clouds").glob("*.parquet"))))
    cloudy = (signs["bright"] >= 36) | (signs["vapour"] > 1.25)
    assert built.report["snowy_candidates"] == {"snowy": len(signs), "cloudy": cloudy.sum()}


def test_a_dataset_is_scored_like_the_products_that_it_was_cut_from(built, tmp_path):
    for workers in (1, 2):
        run = seasonet(
            *("clouds", "apply", "screen", built.dataset, "-o", tmp_path / f"{workers}.csv", "--workers", workers)
        )
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout == f"0 of {len(scores_of(built.dataset))} snowy patches are cloudy\n"
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    found = pd.read_csv(tmp_path / "1.csv").set_index("Path")
    assert list(found.index) == list(scores_of(built.dataset).index)
    assert (found["score"] == scores_of(built.dataset)).all()
    assert not found["cloudy"].any()


@pytest.fixture(scope="module")
def own_demo(demo_build: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demonstration that tests may run again."""
    folder: Path = tmp_path_factory.mktemp("own") / "demo"
    shutil.copytree(demo_build.workspace, folder)
    return folder


def rerun(folder: Path, *settings: str) -> dict[str, Any]:
    """Run the demonstration's build with other settings; return what it says of its stages."""
    run = seasonet(
        *("run", "configs/demo.toml", "--json", "--workers", 2, "--set", f"paths.workspace={folder}"),
        *(option for setting in settings for option in ("--set", setting)),
        env={"SEASONET_DEMO": str(folder)},
    )
    assert run.returncode == 0, run.stderr
    stages: dict[str, Any] = json.loads(run.stdout)["stages"]
    return stages


@pytest.mark.xdist_group("demo")
def test_other_limits_choose_anew_without_another_look_at_the_pixels(own_demo, demo_build):
    assert rerun(own_demo, "snow.max_bright=50", "snow.max_vapour=9")["screen"]["done"] == 0
    more = scores_of(own_demo / "dataset")
    assert len(more) > len(scores_of(demo_build.dataset))
    assert "screen" not in rerun(own_demo, "snow.classifier=none")
    assert len(scores_of(own_demo / "dataset")) == len(more)
    assert scores_of(own_demo / "dataset").isna().all()
    status = seasonet("status", "configs/demo.toml", "--json", env={"SEASONET_DEMO": str(own_demo)})
    assert json.loads(status.stdout)["stages"]["screen"] == {"done": 0, "to_do": 0, "failed": {}}


@pytest.mark.xdist_group("kit")
def test_a_model_that_is_not_there_stops_a_run_before_it_does_anything(kit, tmp_path):
    run = seasonet(
        *("run", "configs/kit.toml", "--set", f"paths.workspace={tmp_path / 'w'}"),
        *("--set", f"snow.classifier={tmp_path / 'none.npz'}"),
        env=kit_environment(kit),
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith(f"error: {tmp_path / 'none.npz'}: the model cannot be read")
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "w" / "dataset").exists()


# ---------------------------------------------------------------------------------- datasets of others, wrong use


@pytest.fixture
def foreign(demo_build: Built, tmp_path: Path) -> Path:
    """The snowy samples of a dataset that does not say whose it is."""
    meta = pd.read_csv(demo_build.dataset / "meta.csv", dtype=str)
    meta = meta[meta["Season"] == "Snow"].head(3).reset_index(drop=True)
    meta.assign(Index=range(len(meta))).to_csv(tmp_path / "meta.csv", index=False)
    for path in meta["Path"]:
        shutil.copytree(demo_build.dataset / path, tmp_path / path)
    return tmp_path


@pytest.mark.xdist_group("demo")
def test_pixels_that_may_or_may_not_have_1000_on_them_are_refused(foreign):
    run = seasonet("clouds", "apply", "screen", foreign)
    assert (run.returncode, run.stdout) == (2, "")
    assert "whether 1000 is on its pixels is not known: state --offset" in run.stderr
    assert seasonet("clouds", "apply", "screen", foreign, "--offset", "0").stdout.startswith("0 of 3 ")
    shifted = json.loads(seasonet("clouds", "apply", "screen", foreign, "--offset", "-1000", "--json").stdout)
    assert shifted["patches"] == 3


@pytest.mark.xdist_group("demo")
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda patch: next(patch.glob("*_20m.tif")).unlink(), "_20m.tif: cannot be read"),
        (lambda patch: next(patch.glob("*_60m.tif")).write_bytes(b"II*\0"), "_60m.tif: cannot be read"),
        (lambda patch: shutil.copy(*sorted(patch.glob("*_10m_*"))), "_10m_RGB.tif: has 1 bands, not 3"),
        (lambda patch: shutil.copy(next(patch.glob("*_60m.tif")), next(patch.glob("*_20m.tif"))), "20 x 20 px"),
    ],
)
def test_a_damaged_patch_is_named(foreign, damage, said):
    damage(sorted(foreign.glob("snow/*/*"))[0])
    run = seasonet("clouds", "apply", "screen", foreign, "--offset", "0", "-o", foreign / "scores.csv")
    assert (run.returncode, run.stdout) == (1, "")
    assert said in run.stderr
    assert run.stderr.count("\n") == 1
    assert not (foreign / "scores.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ukis", "x"), "ukis: neither 'screen' nor a model file (.npz)"),
        (("screen", "x"), "meta.csv: no such file"),
        (("screen", "x", "--offset", "1000"), "'1000' is not one of '0', '-1000'"),
    ],
)
def test_wrong_use_is_said_in_one_line(tmp_path, arguments, said):
    run = seasonet("clouds", "apply", *arguments)
    assert run.returncode in (1, 2)
    assert said in run.stderr
    assert "Traceback" not in run.stderr
