"""Which candidates are drawn for labelling by hand."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.clouds.candidates import candidates_table, draw, with_scores
from seasonet_build.clouds.examples import CANDIDATES
from seasonet_build.clouds.features import FEATURES
from seasonet_build.config.snow import SnowSection
from seasonet_build.errors import DataError
from seasonet_build.sources.scenes import Scene
from tests.unit.helpers import modest, product_record

SIZES = st.lists(st.integers(1, 25), min_size=1, max_size=6)
SEEDS = st.integers(0, 2**32)
COUNTS = st.integers(0, 60)


def candidates_of(sizes: list[int], seed: int) -> pd.DataFrame:
    """Candidates of scenes with so many patches each; scores are of all kinds, also missing and equal."""
    rng = np.random.default_rng(seed)
    scene = np.repeat([f"32UNA_2019010{i}T103339_S2B" for i in range(len(sizes))], sizes)
    number = np.concatenate([np.arange(size) for size in sizes])
    score = np.where(rng.random(len(scene)) < 0.3, 1.0, rng.lognormal(0, 1, len(scene)))
    score[rng.random(len(scene)) < 0.1] = 0
    score[rng.random(len(scene)) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "scene": scene,
            "tile": "32UNA",
            "grid": (number % 2 + 1).astype(np.int8),
            "row": (number // 8).astype(np.int16),
            "col": (number % 8).astype(np.int16),
            "cloud": rng.integers(0, 3601, len(scene)).astype(np.int16),
            "snow": rng.integers(0, 3601, len(scene)).astype(np.int16),
            "score": score,
        }
    )


@given(SIZES, SEEDS, COUNTS, COUNTS)
@modest
def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_rows(
    sizes: list[int], seed: int, near: int, uniform: int
) -> None:
    candidates = candidates_of(sizes, seed)
    drawn = draw(candidates, near, uniform, seed)
    pd.testing.assert_frame_equal(drawn, draw(candidates.sample(frac=1, random_state=1), near, uniform, seed))


@given(SIZES, SEEDS, COUNTS, COUNTS)
@modest
def test_no_patch_is_drawn_twice_and_as_many_as_wanted_where_there_are(
    sizes: list[int], seed: int, near: int, uniform: int
) -> None:
    candidates = candidates_of(sizes, seed)
    drawn = draw(candidates, near, uniform, seed)
    assert drawn["id"].is_unique
    taken = drawn[drawn["part"] == "uniform"]
    assert len(taken) == min(uniform, len(candidates))
    rest = candidates["score"].notna().sum() - taken["score"].notna().sum()
    assert len(drawn) - len(taken) == min(near, rest)


@given(SIZES, SEEDS, COUNTS)
@modest
def test_near_ones_are_the_nearest_of_their_scene_and_no_scene_has_more_than_its_turn(
    sizes: list[int], seed: int, near: int
) -> None:
    candidates = candidates_of(sizes, seed)
    everything = draw(candidates, 0, len(candidates), seed).assign(part="")
    taken = draw(candidates, near, 10, seed).set_index("id")["part"]
    everything["part"] = everything["id"].map(taken).fillna("left")
    with np.errstate(divide="ignore"):
        everything["far"] = np.abs(np.log(everything["score"]))
    counts, left_in = [], []
    for _, rows in everything[everything["part"] != "uniform"].dropna(subset="score").groupby("scene"):
        chosen, left = (rows[rows["part"] == part] for part in ("near", "left"))
        if len(chosen) and len(left):
            assert chosen["far"].max() <= left["far"].min()
        counts.append(len(chosen))
        left_in.append(len(left))
    # Who has fewer than another by more than one has none left.
    assert all(not left or count >= max(counts) - 1 for count, left in zip(counts, left_in, strict=True))


def test_every_candidate_is_as_likely_as_another_to_be_drawn_uniformly() -> None:
    candidates, draws = candidates_of([10, 30], 1), 400
    counts = pd.Series(0, index=draw(candidates, 0, 40, 0)["id"])
    for seed in range(draws):
        counts[draw(candidates, 0, 10, seed)["id"]] += 1
    # 100 times each, give or take 8.7.
    assert counts.between(60, 140).all()
    assert counts.std() < 13


def test_the_uniform_part_does_not_depend_on_the_scores_or_the_other_part() -> None:
    candidates = candidates_of([30, 30], 2)
    other = candidates.assign(score=candidates["score"].to_numpy()[::-1])
    drawn = [draw(candidates, 0, 20, 3), draw(candidates, 15, 20, 3), draw(other, 15, 20, 3)]
    first, *rest = ({*rows.loc[rows["part"] == "uniform", "id"]} for rows in drawn)
    assert all(ids == first for ids in rest)


def test_the_place_on_the_page_does_not_tell_the_part() -> None:
    means = []
    for seed in range(60):
        drawn = draw(candidates_of([60, 60], 4), 30, 30, seed)
        means.append(np.flatnonzero(drawn["part"] == "near").mean())
    # 29.5, give or take 0.3.
    assert 28 < np.mean(means) < 31
    assert len({*means}) > 30


def test_too_few_candidates_are_all_taken_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        drawn = draw(candidates_of([4, 3], 5), 5, 20, 0)
    assert len(drawn) == 7
    assert "'uniform': there are 7 candidates left for it, not 20" in caplog.text
    assert "'near': there are 0 candidates left for it, not 5" in caplog.text


def test_without_candidates_there_is_one_line() -> None:
    with pytest.raises(DataError, match="no snowy patches to label") as raised:
        draw(candidates_of([3], 6).head(0), 5, 5, 0)
    assert "\n" not in str(raised.value)


def test_scores_are_the_screens_whatever_the_build_uses() -> None:
    signs = pd.DataFrame({"bright": [0, 36, 72], "vapour": [0.625, 1.0, np.nan], "score": [-3.0, 9.0, np.nan]})
    for classifier in ("screen", "ukis"):
        scored = with_scores(signs, SnowSection(classifier=classifier))
        assert scored["score"].tolist() == pytest.approx([0.5, 1.0, 2.0])


def test_the_table_says_what_is_known_of_each_patch() -> None:
    drawn = draw(candidates_of([8, 8], 7), 3, 9, 0)
    features = np.random.default_rng(8).random((len(drawn), len(FEATURES)))
    features[0, 2] = np.nan
    scenes = {scene: Scene(products=(product_record(),)) for scene in drawn["scene"]}
    table = candidates_table(drawn, features, scenes)
    assert table.schema.equals(CANDIDATES, check_metadata=True)
    rows = {row["id"]: row for row in table.to_pylist()}
    assert list(rows) == sorted(drawn["id"])
    for i, row in enumerate(drawn.to_dict("records")):
        said = rows[row["id"]]
        assert said["id"] == f"{row['scene']}/{row['grid']}/{row['row']}/{row['col']}"
        assert (said["part"], said["date"], said["tile"]) == (row["part"], "2018-04-18", "32UNA")
        assert (said["cloud"], said["snow"]) == (row["cloud"] / 3600, row["snow"] / 3600)
        assert [said[name] for name in FEATURES] == [None if np.isnan(value) else value for value in features[i]]
