"""Which product speaks for an acquisition, held against choosing by the rules one strip at a time."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.sources.products import Product
from seasonet_build.sources.scenes import make_scenes
from tests.unit.helpers import modest, product_record

START = datetime(2018, 8, 6, 10, 20, 19, tzinfo=UTC)
LATER = timedelta(minutes=4)


def names(products: tuple[Product, ...]) -> list[str]:
    return [product.name for product in products]


def test_the_highest_baseline_wins():
    old = product_record(START, baseline="02.14")
    new = product_record(START, baseline="05.00")
    newest = product_record(START, baseline="05.10")
    (scene,), aside = make_scenes([old, newest, new])
    assert names(scene.products) == [newest.name]
    assert [item.product for item in aside] == sorted([old.name, new.name])
    assert all(newest.name in item.reason and not item.damaged for item in aside)


def test_baseline_99_99_loses_to_every_other():
    odd = product_record(START, baseline="99.99", discriminator=datetime(2023, 1, 1, tzinfo=UTC))
    for baseline in ("00.01", "02.07", "05.10"):
        own = product_record(START, baseline=baseline)
        (scene,), _ = make_scenes([odd, own])
        assert names(scene.products) == [own.name]
    (scene,), aside = make_scenes([odd])
    assert names(scene.products) == [odd.name]
    assert not aside


def test_of_one_baseline_the_newest_wins():
    products = [
        product_record(START, discriminator=datetime(2018, 8, day, tzinfo=UTC), strip=timedelta(seconds=day % 3))
        for day in (7, 9, 8)
    ]
    (scene,), aside = make_scenes(products)
    assert names(scene.products) == [products[1].name]
    assert len(aside) == 2


def test_granules_of_two_datastrips_complete_each_other():
    first = product_record(START)
    second = product_record(START, strip=LATER, discriminator=START + timedelta(hours=4))
    reprocessed = product_record(START, strip=LATER + timedelta(seconds=1), baseline="05.00")
    (scene,), aside = make_scenes([first, second])
    assert set(names(scene.products)) == {first.name, second.name}
    assert not aside
    (scene,), aside = make_scenes([first, second, reprocessed])
    assert names(scene.products) == [reprocessed.name, first.name]
    assert [item.product for item in aside] == [second.name]


def test_tiles_days_and_satellites_are_scenes_of_their_own():
    products = [
        product_record(START),
        product_record(START, tile="32UPA"),
        product_record(START + timedelta(days=5)),
        product_record(START, platform="S2B"),
    ]
    scenes, aside = make_scenes(products)
    assert len(scenes) == 4
    assert len({scene.id for scene in scenes}) == 4
    assert [scene.id for scene in scenes] == sorted(scene.id for scene in scenes)
    assert not aside


def test_twins_in_two_folders_count_once():
    one, other = (product_record(START, folder=folder) for folder in ("/a", "/b"))
    (scene,), (aside,) = make_scenes([one, other])
    assert len(scene.products) == 1
    assert aside.product == one.name
    assert "twice" in aside.reason
    assert scene.first.path in aside.reason


def test_no_products_make_no_scenes():
    assert make_scenes([]) == ([], [])


products = st.builds(
    lambda day, platform, tile, strip, jitter, baseline, made, folder: (
        (tile, platform, day, strip),
        product_record(
            START + timedelta(days=day),
            tile=tile,
            platform=platform,
            baseline=baseline,
            discriminator=START + timedelta(days=day, hours=made),
            strip=strip * LATER + timedelta(seconds=jitter),
            folder=folder,
        ),
    ),
    st.integers(0, 1),
    st.sampled_from(["S2A", "S2B"]),
    st.sampled_from(["32UNA", "32UPA"]),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from(["02.07", "02.14", "05.00", "05.10", "99.99"]),
    st.integers(1, 3),
    st.sampled_from(["/a", "/b"]),
)


def chosen_by_the_rules(drawn: list[tuple[tuple[str, str, int, int], Product]]) -> dict[tuple[str, str, int], set[str]]:
    """The winners' names of each acquisition: for each datastrip the best product."""
    strips: dict[tuple[str, str, int, int], list[Product]] = defaultdict(list)
    for key, product in drawn:
        strips[key].append(product)
    winners: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for (tile, platform, day, _), members in strips.items():
        proper = [p for p in members if p.baseline != "99.99"] or members
        baseline = max(p.baseline for p in proper)
        best = max((p for p in proper if p.baseline == baseline), key=lambda p: p.discriminator)
        winners[(tile, platform, day)].add(best.name)
    return winners


@modest
@given(st.lists(products, max_size=10, unique_by=lambda item: (item[1].name, item[1].path, item[0])), st.randoms())
def test_scenes_follow_the_rules_in_any_order(drawn, random):
    everything = [product for _, product in drawn]
    scenes, aside = make_scenes(everything)
    found = {
        (s.first.tile, s.first.platform, (s.start - START).days): {product.name for product in s.products}
        for s in scenes
    }
    assert found == chosen_by_the_rules(drawn)
    used = [product.name for scene in scenes for product in scene.products]
    assert sorted(used + [item.product for item in aside]) == sorted(product.name for product in everything)
    shuffled = list(everything)
    random.shuffle(shuffled)
    assert make_scenes(shuffled) == (scenes, aside)
