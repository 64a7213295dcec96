"""``clouds train`` and ``clouds evaluate`` as they are typed."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from tests.clouds.synthetic import examples, shuffled, write
from tests.integration.support import REPOSITORY, seasonet

pytestmark = pytest.mark.xdist_group("clouds_train")

WITHOUT_SKLEARN = (
    "import sys; sys.modules['sklearn'] = sys.modules['threadpoolctl'] = None\n"
    "from seasonet_build.cli import main; sys.argv[0] = 'seasonet-build'; main()"
)


SCENES = [f"S2A_MSIL2A_2017061{i}T101031_N9999_R022_T33UU{tile}" for i, tile in enumerate("PQR")]


@dataclass(frozen=True)
class Done:
    folder: Path
    tables: tuple[Path, Path]
    report: dict[str, Any]

    @property
    def model(self) -> Path:
        return self.folder / "model.npz"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A model that was trained by the real command."""
    folder = tmp_path_factory.mktemp("train")
    tables = write(examples(900), folder / "one")
    figure = folder / "curve.png"
    run = seasonet("clouds", "train", *tables, "-o", folder / "model.npz", "--figure", figure, "--json")
    assert run.returncode == 0, run.stderr
    return Done(folder, tables, json.loads(run.stdout))


def without_sklearn(*args: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", WITHOUT_SKLEARN, *map(str, args)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)


def test_training_says_what_the_model_is_worth(done: Done) -> None:
    assert done.report["recall_wanted"] == 0.99
    boosted = done.report["models"]["boosted trees"]
    assert boosted["calibration"]["recall"] >= 0.99
    assert boosted["test"]["demonstrated"] is False and "further cloudy test patches" in boosted["test"]["missing"]
    assert done.model.stat().st_size > 0
    assert (done.folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in done.folder.iterdir()) == ["curve.png", "model.npz", "one"]


def test_other_order_and_other_numbers_of_threads_give_the_same_bytes(done: Done, tmp_path: Path) -> None:
    tables = write(shuffled(examples(900)), tmp_path / "two")
    model, figure = tmp_path / "model.npz", tmp_path / "curve.png"
    model.write_text("an older model")
    threads = {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3", "PYTHONHASHSEED": "5"}
    run = seasonet("clouds", "train", *tables, "-o", model, "--figure", figure, "--recall", ".990", env=threads)
    assert run.returncode == 0, run.stderr
    assert model.read_bytes() == done.model.read_bytes()
    assert figure.read_bytes() == (done.folder / "curve.png").read_bytes()
    for text in ("calibration", "boosted trees: a recall of 0.99 is not demonstrated", "logistic regression", "screen"):
        assert text in run.stdout
    assert done.report["model"] in run.stdout


def test_evaluating_needs_no_scikit_learn(done: Done) -> None:
    run = without_sklearn("clouds", "evaluate", done.model, *done.tables, "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    told = done.report["models"]["boosted trees"]["test"]
    assert {name: report[name] for name in told} == told
    assert report["classifier"] == done.report["model"]


def test_the_screen_is_evaluated_on_all_that_were_drawn_uniformly(done: Done) -> None:
    run = seasonet("clouds", "evaluate", "screen", *done.tables, "--recall", "0.5")
    assert run.returncode == 0, run.stderr
    assert "screen: a recall of 0.5 is demonstrated" in run.stdout
    assert f"left out: {sum(~examples(900).uniform)} not drawn uniformly, 0 whose" in run.stdout


def test_without_scikit_learn_training_says_how_to_get_it(done: Done, tmp_path: Path) -> None:
    run = without_sklearn("clouds", "train", *done.tables, "-o", tmp_path / "model.npz")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "error: training needs scikit-learn: pip install 'seasonet-build[clouds]'\n"
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-o", "model.bin"], 2, "ends in .npz"),
        (["-o", "."], 2, "ends in .npz"),
        (["-o", "m.npz", "--figure", "curve.jpg"], 2, "ends in .png"),
        (["-o", "m.npz", "--recall", "1"], 2, "'1' is no number from"),
        (["-o", "m.npz", "--recall", "nan"], 2, "'nan' is no number from"),
        (["-o", "m.npz", "--recall", "much"], 2, "'much' is no number from"),
        (["-o", "m.npz", "--offset", "0"], 2, "go with --bigearthnet"),
        (["-o", "m.npz", "--bigearthnet", "."], 2, "goes without tables"),
    ],
)
def test_wrong_usage_is_one_line(done: Done, tmp_path: Path, arguments: Sequence[str], code: int, says: str) -> None:
    places = [str(tmp_path / text) if text.endswith((".npz", ".bin", ".jpg")) else text for text in arguments]
    run = in_process(["clouds", "train", *map(str, done.tables), *places])
    assert run[0] == code and says in run[1]
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["ukis"], 2, "neither 'screen' nor a model file"),
        (["missing.npz"], 1, "missing.npz: the model cannot be read"),
        (["screen", "one.parquet"], 2, "name the table of candidates and the CSV"),
        (["screen", "--bigearthnet", "."], 2, "needs --snowy, --cloudy and --offset"),
    ],
)
def test_wrong_usage_of_evaluate_is_one_line(done: Done, arguments: Sequence[str], code: int, says: str) -> None:
    tables = [] if len(arguments) > 1 else done.tables
    run = in_process(["clouds", "evaluate", *arguments, *map(str, tables)])
    assert run[0] == code and says in run[1]


def in_process(arguments: Sequence[str]) -> tuple[int, str]:
    """Exit code and message of a command that ends before it does anything."""
    from seasonet_build.cli import cli
    from seasonet_build.cli.endings import end_with

    try:
        cli.main([*arguments], standalone_mode=False)
    except Exception as error:
        return end_with(error), str(getattr(error, "message", error))
    return 0, ""


def test_a_failure_leaves_the_older_model_and_nothing_else(tmp_path: Path) -> None:
    tables = write(examples(3), tmp_path / "few")
    model = tmp_path / "model.npz"
    model.write_text("an older model")
    code, message = in_process(
        ["clouds", "train", *map(str, [*tables, "-o", model, "--figure", tmp_path / "curve.png"])]
    )
    assert code == 1 and message.startswith("labels.csv: too few ") and "\n" not in message
    assert model.read_text() == "an older model"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "model.npz"]


def write_bigearthnet(folder: Path) -> tuple[Path, Path]:
    """Write patches of three scenes, clear and cloudy ones, in the form of version 2; return both lists."""
    rng = np.random.default_rng(1)
    lists: dict[bool, list[str]] = {False: [], True: []}
    for scene in SCENES:
        for i in range(6):
            name, cloudy = f"{scene}_{i:02d}_57", i % 2 == 1
            (folder / scene / name).mkdir(parents=True)
            for band, side in {"B02": 120, "B03": 120, "B04": 120, "B8A": 60, "B11": 60, "B12": 60, "B09": 20}.items():
                level = 4000 if cloudy or band not in ("B11", "B12") else 800
                pixels = rng.integers(level, level + 500, (side, side)).astype(np.uint16)
                write_band(folder / scene / name / f"{name}_{band}.tif", pixels)
            lists[cloudy].append(name)
    paths = folder.parent / "snowy.csv", folder.parent / "cloudy.csv"
    for path, names in zip(paths, lists.values(), strict=True):
        path.write_text("\n".join(names))
    return paths


def write_band(path: Path, pixels: NDArray[np.uint16]) -> None:
    height, width = pixels.shape
    with rasterio.open(path, "w", driver="GTiff", dtype="uint16", height=height, width=width, count=1) as file:
        file.write(pixels, 1)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_folder_of_bigearthnet_will_do(tmp_path: Path) -> None:
    snowy, cloudy = write_bigearthnet(tmp_path / "BigEarthNet-S2")
    source = ["--bigearthnet", tmp_path / "BigEarthNet-S2", "--snowy", snowy, "--cloudy", cloudy, "--offset", "0"]
    model = tmp_path / "model.npz"
    run = seasonet("clouds", "train", *source, "-o", model, "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["source"], report["features_unknown"]) == ("BigEarthNet", ["scl_cloud", "scl_snow"])
    assert report["sides"]["test"] == {"cloudy": 3, "clear": 3, "dates": 1, "tiles": 1}
    assert report["models"]["screen"]["test"]["caught"] == 3
    run = seasonet("clouds", "evaluate", model, *source, "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["left_out"]["date_or_tile_seen_by_the_model"] == 12
