"""Model files predict what scikit-learn does, to the last bit; no damage makes another model of one."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seasonet_build.clouds.features import FEATURES, FEATURES_VERSION
from seasonet_build.clouds.model_file import load_model, model_bytes, parse_model, save_model
from seasonet_build.clouds.npy import npy_bytes
from seasonet_build.errors import DataError
from tests.clouds.small_model import COLUMNS, USED, Model, fitted, small
from tests.integration.support import REPOSITORY
from tests.unit.helpers import modest


@pytest.fixture
def model() -> Model:
    return small()


def rows(n: int, seed: int) -> NDArray[np.float64]:
    """Random features, many unknown, some far out, some endless."""
    rng = np.random.default_rng(seed)
    values: NDArray[np.float64] = rng.normal(size=(n, len(FEATURES))) * rng.choice([0.1, 1.0, 100.0], (n, 1))
    values[rng.random(values.shape) < rng.random((n, 1))] = np.nan
    values[rng.random(values.shape) < 0.01] = np.inf
    return values


@pytest.mark.parametrize("n", [1, 300, 5000])
def test_scores_are_those_of_scikit_learn_to_the_last_bit(model: Model, tmp_path: Path, n: int) -> None:
    save_model(tmp_path / "m.npz", model.header, model.trees)
    loaded = load_model(tmp_path / "m.npz")
    values = rows(n, n)
    assert loaded.scores(values).tobytes() == model.decision(values[:, COLUMNS]).tobytes()
    assert (loaded.threshold, loaded.header["recall"]) == (-0.25, "0.99")


def test_thresholds_themselves_go_where_scikit_learn_sends_them(model: Model) -> None:
    values = rows(400, 4)
    for place, name in enumerate(USED):
        inner = (model.trees.feature == place) & (model.trees.left != model.trees.right)
        limits = model.trees.threshold[inner]
        if len(limits):
            values[:, [*FEATURES].index(name)] = np.resize(limits, 400)
    assert parse_model(model.content).scores(values).tobytes() == model.decision(values[:, COLUMNS]).tobytes()


def test_a_model_of_too_few_examples_to_branch_is_still_one() -> None:
    tiny = fitted(12)
    values = rows(50, 0)
    assert parse_model(tiny.content).scores(values).tobytes() == tiny.decision(values[:, COLUMNS]).tobytes()


def test_equal_models_are_equal_files_that_numpy_reads_without_pickle(model: Model, tmp_path: Path) -> None:
    again = fitted(300)
    assert again.content == model.content
    path = tmp_path / "m.npz"
    path.write_bytes(model.content)
    with np.load(path, allow_pickle=False) as file:
        header = json.loads(file["header"].tobytes())
        assert np.array_equal(file["threshold"], model.trees.threshold)
    assert header["features_version"] == FEATURES_VERSION
    assert header["features"] == model.header["features"]


def test_the_name_tells_models_apart(model: Model) -> None:
    other = model_bytes({**model.header, "threshold": 0.5}, model.trees)
    names = [parse_model(content).name for content in (model.content, other)]
    assert names[0] != names[1]
    assert all(name.startswith("model:") and len(name) == len("model:") + 12 for name in names)


def test_prediction_needs_no_scikit_learn(model: Model, tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(model.content)
    np.save(tmp_path / "rows.npy", rows(20, 1))
    code = (
        "import sys; sys.modules['sklearn'] = sys.modules['threadpoolctl'] = None\n"
        "import numpy as np; from pathlib import Path\n"
        "from seasonet_build.clouds.model_file import load_model\n"
        "sys.stdout.buffer.write(load_model(Path('m.npz')).scores(np.load('rows.npy')).tobytes())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, check=True
    )
    assert run.stdout == model.decision(rows(20, 1)[:, COLUMNS]).tobytes()


def outcome(content: bytes) -> tuple[bytes, float] | None:
    """What a file predicts, None if it is refused in one line."""
    try:
        loaded = parse_model(content)
    except DataError as error:
        assert "\n" not in str(error)
        return None
    return loaded.scores(rows(30, 2)).tobytes(), loaded.threshold


@given(st.integers(0, 2**32))
@modest
def test_no_altered_byte_makes_another_model(seed: int) -> None:
    rng, content = np.random.default_rng(seed), small().content
    whole, size = outcome(content), len(content)
    # As likely in the small parts that tell what is where as in the large ones.
    signs = [i for sign in (b"PK", b"NUMPY") for i in occurrences(content, sign)]
    for _ in range(100):
        altered = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            place = rng.choice(signs) + rng.integers(130) if rng.random() < 0.5 else rng.integers(size)
            altered[min(place, size - 1)] ^= rng.integers(1, 256)
        assert outcome(bytes(altered)) in (None, whole)


def occurrences(content: bytes, sign: bytes) -> list[int]:
    found, place = [], content.find(sign)
    while place >= 0:
        found.append(place)
        place = content.find(sign, place + 1)
    return found


@given(st.data())
@modest
def test_no_part_of_a_file_is_a_model(data: st.DataObject) -> None:
    content = small().content
    cut = data.draw(st.integers(0, len(content) - 1))
    assert outcome(content[:cut]) is None
    # With something else at its end it may be whole for what matters, never another model.
    assert outcome(content[:cut] + data.draw(st.binary(max_size=50))) in (None, outcome(content))


def test_lists_of_numbers_are_what_numpy_writes() -> None:
    for dtype in ("<f8", "<i4", "|u1"):
        for n in (0, 1, 1000):
            out = io.BytesIO()
            values = np.arange(n).astype(dtype)
            np.save(out, values)
            ours = npy_bytes(dtype, values.tobytes())
            assert np.array_equal(np.load(io.BytesIO(ours), allow_pickle=False), values)
            assert len(ours) % 64 == len(values.tobytes()) % 64
