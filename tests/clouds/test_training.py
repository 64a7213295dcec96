"""Training and evaluating: what the figures are of, and that nothing but the training part makes the model."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from seasonet_build.clouds.evaluate import evaluate
from seasonet_build.clouds.examples import Examples
from seasonet_build.clouds.figure import draw_curves
from seasonet_build.clouds.figures import figures, screen_verdict
from seasonet_build.clouds.model_file import CloudModel, parse_model
from seasonet_build.clouds.partition import part_examples
from seasonet_build.clouds.statistics import lower_bound, upper_bound
from seasonet_build.clouds.train import Trained, train
from seasonet_build.errors import DataError
from tests.clouds.synthetic import COLUMN, examples, shuffled

GIVEN = examples(1000)
RECALL = Fraction("0.95")


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(GIVEN, RECALL, 0)


@pytest.fixture(scope="module")
def model(trained: Trained) -> CloudModel:
    return parse_model(trained.content)


def side_of(model: CloudModel, given: Examples, part: str) -> Examples:
    """The examples on a side, by what the model's header says of it."""
    side = model.header["partition"][part]
    places = zip(given.dates, given.tiles, strict=True)
    here = np.array([date in side["dates"] and tile in side["tiles"] for date, tile in places])
    return given.take(np.flatnonzero(here & (given.uniform | (part == "train"))))


def test_the_threshold_is_the_highest_that_meets_the_recall_in_calibration(model: CloudModel, trained: Trained) -> None:
    part = side_of(model, GIVEN, "calibration")
    scores = model.scores(part.features)[part.cloudy]
    enough = [limit for limit in scores if Fraction(int(np.sum(scores >= limit)), len(scores)) >= RECALL]
    assert model.threshold == max(enough) == trained.report["models"]["boosted trees"]["threshold"]
    told = trained.report["models"]["boosted trees"]["calibration"]
    assert (told["caught"], told["cloudy"]) == (np.sum(scores >= model.threshold), len(scores))


def test_the_figures_are_of_the_test_part(model: CloudModel, trained: Trained) -> None:
    part = side_of(model, GIVEN, "test")
    cloudy = model.scores(part.features) >= model.threshold
    told = trained.report["models"]["boosted trees"]["test"]
    assert told["cloudy"] == np.sum(part.cloudy) and told["clear"] == np.sum(~part.cloudy)
    assert told["caught"] == np.sum(cloudy & part.cloudy) and told["lost"] == np.sum(cloudy & ~part.cloudy)
    assert told["recall_at_least"] == lower_bound(told["caught"], told["cloudy"])
    assert told["lost_at_most"] == upper_bound(told["lost"], told["clear"])
    screened = trained.report["models"]["screen"]["test"]
    signs = part.features[:, COLUMN["bright"]] >= 0.01, ~(part.features[:, COLUMN["vapour_p75"]] <= 1.25)
    assert screened["caught"] == np.sum((signs[0] | signs[1]) & part.cloudy)
    assert screened["lost"] == np.sum((signs[0] | signs[1]) & ~part.cloudy)
    assert set(trained.report["models"]) == {"boosted trees", "logistic regression", "screen"}
    assert trained.report["models"]["logistic regression"]["calibration"]["recall"] >= RECALL


def test_no_date_and_no_tile_is_on_two_sides_and_all_is_counted(model: CloudModel, trained: Trained) -> None:
    partition = model.header["partition"]
    for key in ("dates", "tiles"):
        named = [name for side in partition.values() for name in side[key]]
        assert len(named) == len({*named})
    kept = sum(side["cloudy"] + side["clear"] for side in trained.report["sides"].values())
    assert kept == sum(side["examples"] for side in partition.values())
    assert kept + sum(trained.report["left_out"].values()) == len(GIVEN)
    assert [len(side_of(model, GIVEN, part)) for part in partition] == [s["examples"] for s in partition.values()]


def test_what_the_test_part_looks_like_makes_no_difference_to_the_model(model: CloudModel, trained: Trained) -> None:
    in_test = {*side_of(model, GIVEN, "test").ids}
    features = GIVEN.features.copy()
    features[[name in in_test for name in GIVEN.ids]] += 5.0
    other = train(replace(GIVEN, features=features), RECALL, 0)
    again = parse_model(other.content)
    assert again.threshold == model.threshold
    assert again.scores(GIVEN.features).tobytes() == model.scores(GIVEN.features).tobytes()
    assert other.report["models"]["boosted trees"]["test"] != trained.report["models"]["boosted trees"]["test"]


def test_only_the_seed_and_the_examples_decide(trained: Trained) -> None:
    again = train(shuffled(GIVEN), RECALL, 0)
    assert (again.content, again.report) == (trained.content, trained.report)


def test_another_seed_parts_otherwise() -> None:
    first, second = (part_examples(GIVEN, seed) for seed in (0, 1))
    assert not np.array_equal(first.test, second.test)


def test_the_figure_is_the_same_for_the_same_curves(trained: Trained) -> None:
    first, second = (draw_curves(trained.curves, 0.3, 0.95) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG") and b"Software" not in first and b"tIME" not in first
    assert draw_curves(trained.curves, 0.4, 0.95) != first


def test_features_that_training_does_not_know_are_not_used() -> None:
    features = GIVEN.features.copy()
    features[:, [COLUMN["scl_cloud"], COLUMN["scl_snow"]]] = np.nan
    given = replace(GIVEN, features=features, source="BigEarthNet")
    trained = train(given, RECALL, 0)
    model = parse_model(trained.content)
    assert trained.report["features_unknown"] == ["scl_cloud", "scl_snow"]
    assert "scl_cloud" not in dict(model.header["features"])
    assert model.scores(given.features).tobytes() == model.scores(GIVEN.features).tobytes()
    by_cloud = trained.report["models"]["screen"]["test"]["by_cloud"]
    assert by_cloud["by_scene_classification"] == 0
    assert by_cloud["by_bright_pixels"] == sum(each["cloudy"] for each in by_cloud["bins"])


def of_shares(shares: list[float], caught: list[bool]) -> list[dict[str, Any]]:
    given = GIVEN.take(range(len(shares)))
    features = given.features.copy()
    features[:, COLUMN["scl_cloud"]] = shares
    cloudy = replace(given, cloudy=np.ones(len(shares), dtype=bool), features=features)
    bins: list[dict[str, Any]] = figures(cloudy, np.array(caught), RECALL)["by_cloud"]["bins"]
    return bins


def test_recall_by_cloud_fraction() -> None:
    bins = of_shares([0.0, 0.0999, 0.1, 0.3, 0.5999, 0.6, 1.0], [True, False, True, True, True, False, True])
    assert [(each["from_pct"], each["to_pct"]) for each in bins] == [(0, 10), (10, 30), (30, 60), (60, 100)]
    assert [(each["caught"], each["cloudy"]) for each in bins] == [(1, 2), (1, 1), (2, 2), (1, 2)]
    assert of_shares([1.0], [True])[0] == {"from_pct": 0, "to_pct": 10, "caught": 0, "cloudy": 0, "recall": None}


@pytest.mark.parametrize(
    ("caught", "n", "missing"),
    [(299, 299, None), (298, 298, "1 further"), (299, 300, "173 further"), (0, 0, "299 further")],
)
def test_a_recall_is_demonstrated_or_it_is_said_what_is_missing(caught: int, n: int, missing: str | None) -> None:
    given = replace(GIVEN.take(range(n)), cloudy=np.ones(n, dtype=bool))
    told = figures(given, np.arange(n) < caught, Fraction("0.99"))
    assert told["demonstrated"] == (missing is None) == (told["recall_at_least"] >= 0.99)
    assert (told["missing"] or "").startswith(missing or "")


def test_the_screens_verdict_at_its_limits() -> None:
    features = np.zeros((6, len(COLUMN)))
    features[:, COLUMN["bright"]] = [35 / 3600, 36 / 3600, 0, 0, 0, np.nan]
    features[:, COLUMN["vapour_p75"]] = [1.0, 1.0, 1.25, np.nextafter(1.25, 2), np.nan, 1.0]
    assert screen_verdict(features).tolist() == [False, True, False, True, True, False]


def test_a_note_tells_of_a_calibration_part_that_is_too_small_to_allow_a_miss() -> None:
    notes = train(examples(300), Fraction("0.99"), 0).report["notes"]
    assert any("calibration part has" in note for note in notes)


def test_evaluation_is_on_dates_and_tiles_that_the_model_has_not_seen(model: CloudModel, trained: Trained) -> None:
    report = evaluate(model, GIVEN, RECALL)
    # Of the labelled ones only the test part is left: the figures are those of training.
    told = trained.report["models"]["boosted trees"]["test"]
    assert {name: report[name] for name in told} == told
    assert report["left_out"]["near"] == np.sum(~GIVEN.uniform)
    assert report["cloudy"] + report["clear"] + sum(report["left_out"].values()) == len(GIVEN)
    others = examples(400, seed=8, first=50)
    report = evaluate(model, others, RECALL)
    assert report["left_out"]["date_or_tile_seen_by_the_model"] == 0
    assert report["classifier"] == model.name
    seen = side_of(model, GIVEN, "train")
    with pytest.raises(DataError, match="no patch is left to evaluate with"):
        evaluate(model, seen, RECALL)
    assert evaluate(None, seen, RECALL)["classifier"] == "screen"
