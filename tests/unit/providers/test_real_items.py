"""What is made of items of real catalogues: files, roles, sizes, check sums, and what is refused."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from seasonet_build.model.bands import RASTER_RESOLUTION
from seasonet_build.providers.cdse import CdseSearch, datastrip_start, parse_multihash
from seasonet_build.providers.earth_search import EarthSearch
from seasonet_build.providers.offers import Offer, Query, SearchError, fits
from seasonet_build.providers.stac import Catalogue

Item = dict[str, Any]
Search = Callable[[list[Item]], list[Offer]]
SHA3, MD5 = "1620" + "0a" * 32, "d50110" + "0b" * 16


def load(kit: Path, name: str) -> list[Item]:
    path = kit.parent / "stac" / name
    if not path.exists():
        pytest.skip(f"the test material has no {name}")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


@pytest.fixture(scope="module")
def cdse_items(kit: Path) -> list[Item]:
    return load(kit, "cdse_sentinel-2-l2a_items.ndjson")


@pytest.fixture(scope="module")
def earth_items(kit: Path) -> list[Item]:
    """As the API gives them: with a link to themselves, that relative addresses go by."""
    items = load(kit, "earth_search_items.ndjson")
    base = "https://earth-search.aws.element84.com/v1/collections/sentinel-2-l2a/items"
    for item in items:
        item["links"].append({"rel": "self", "href": f"{base}/{item['id']}"})
    return items


def found(search: CdseSearch | EarthSearch, items: list[Item], monkeypatch: pytest.MonkeyPatch) -> list[Offer]:
    """Search a catalogue that has these items for all tiles among them."""
    monkeypatch.setattr(Catalogue, "find", lambda *_: items)
    tiles = sorted({str(item["properties"]["grid:code"]).removeprefix("MGRS-") for item in items})
    years = date(2015, 1, 1), date(2030, 1, 1)
    return sorted((o for tile in tiles for o in search.search(Query(tile, *years))), key=lambda o: o.name)


@pytest.fixture
def cdse(monkeypatch: pytest.MonkeyPatch) -> Search:
    return lambda items: found(CdseSearch("https://x/v1", "s3", 5), items, monkeypatch)


@pytest.fixture
def earth(monkeypatch: pytest.MonkeyPatch) -> Search:
    return lambda items: found(EarthSearch("https://x/v1", 5), items, monkeypatch)


# Copernicus Data Space


def test_a_product_has_sixteen_files_that_are_read(cdse: Search, cdse_items: list[Item]) -> None:
    offers = cdse(cdse_items)
    assert [offer.name for offer in offers] == sorted(item["id"] for item in cdse_items)
    by_name = {item["id"]: item for item in cdse_items}
    for offer in offers:
        assert Counter(file.role for file in offer.files) == {"metadata": 3, "scl": 1, "band": 12}
        assets = {asset["file:local_path"]: asset for asset in by_name[offer.name]["assets"].values()}
        for file in offer.files:
            assert file.size == assets[file.path]["file:size"] > 0
            assert file.url == assets[file.path]["href"]
            assert file.url.startswith("s3://eodata/")
            assert file.path.startswith(f"{offer.folder}/")
            assert file.remote().size == file.size
        assert offer.bytes == sum(assets[file.path]["file:size"] for file in offer.files)
        kinds = {file.path.rpartition("/")[2]: file.checksum and file.checksum[0] for file in offer.files}
        xml = {name for name in kinds if name.endswith(".xml")}
        assert xml == {"MTD_MSIL2A.xml", "MTD_TL.xml"}
        assert {kinds[name] for name in xml} == {None}, "d50120 cannot be told"
        assert kinds["manifest.safe"] == "md5"
        assert {kinds[name] for name in kinds if name.endswith(".jp2")} == {"sha3_256"}


def test_what_the_item_says_of_the_product(cdse: Search, cdse_items: list[Item]) -> None:
    offer = next(o for o in cdse(cdse_items) if o.name.startswith("S2B_MSIL2A_20200705T101559_N0500_R065_T32TMT"))
    assert (offer.platform, offer.tile, offer.orbit, offer.baseline) == ("S2B", "32TMT", 65, "05.00")
    assert offer.start == datetime(2020, 7, 5, 10, 15, 59, tzinfo=UTC)
    assert offer.datastrip.date() == offer.start.date()
    assert (offer.cloud, offer.snow, offer.generated) == (11.32, 0.18, "20230530T175912")
    assert offer.footprint is not None


def test_the_same_files_by_https(cdse_items: list[Item], monkeypatch: pytest.MonkeyPatch) -> None:
    by_https = found(CdseSearch("https://x/v1", "https", 5), cdse_items, monkeypatch)
    by_s3 = found(CdseSearch("https://x/v1", "s3", 5), cdse_items, monkeypatch)
    for one, other in zip(by_https, by_s3, strict=True):
        assert [f.path for f in one.files] == [f.path for f in other.files]
        for file in one.files:
            assert file.url.startswith("https://")
            assert file.url.endswith(f"/Nodes({file.path.rpartition('/')[2]})/$value")
            assert "Nodes()" not in file.url


def test_only_what_meets_the_query_is_kept(cdse: Search, cdse_items: list[Item]) -> None:
    (cloudy, *_) = sorted(cdse(cdse_items), key=lambda o: -o.cloud)
    day = cloudy.start.date()
    assert fits(cloudy, Query(cloudy.tile, day, day))
    assert not fits(cloudy, Query(cloudy.tile, day, day, max_cloud=99.0))
    assert not fits(cloudy, Query("32ULV", day, day))
    assert not fits(cloudy, Query(cloudy.tile, date(2020, 7, 4), date(2020, 7, 4)))


def without_scl(item: Item) -> None:
    del item["assets"]["SCL_20m"]


def without_version(item: Item) -> None:
    del item["properties"]["processing:version"]


def of_level_1(item: Item) -> None:
    item["id"] = item["id"].replace("MSIL2A", "MSIL1C")


def elsewhere(item: Item) -> None:
    item["assets"]["B02_10m"]["file:local_path"] = "other.SAFE/B02.jp2"


def short_sum(item: Item) -> None:
    item["assets"]["B02_10m"]["file:checksum"] = SHA3[:-2]


def without_address(item: Item) -> None:
    item["assets"]["B02_10m"]["href"] = None
    item["assets"]["B02_10m"]["alternate"] = {}


def of_another_kind(item: Item) -> None:
    item["assets"] = ["B02_10m"]


@pytest.mark.parametrize(
    "spoil", [without_scl, without_version, of_level_1, elsewhere, short_sum, without_address, of_another_kind]
)
def test_an_item_that_is_not_as_expected_is_named(
    cdse: Search, cdse_items: list[Item], spoil: Callable[[Item], None]
) -> None:
    items = copy.deepcopy(cdse_items)
    spoil(items[0])
    with pytest.raises(SearchError, match=rf"https://x/v1: item '{items[0]['id']}' is not as expected"):
        cdse(items)


# Multihashes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SHA3, ("sha3_256", "0a" * 32)),
        (SHA3.upper(), ("sha3_256", "0a" * 32)),
        (MD5, ("md5", "0b" * 16)),
        ("d50120" + "0b" * 16, None),
        ("1114" + "0c" * 20, None),
        ("", None),
        ("1220" + "0d" * 32, ("sha256", "0d" * 32)),
        (None, None),
        (7, None),
    ],
)
def test_a_multihash(text: Any, expected: tuple[str, str] | None) -> None:
    assert parse_multihash(text) == expected


@pytest.mark.parametrize("text", [SHA3[:-1], SHA3 + "00", MD5[:-2], MD5[:-1] + "g", "1620", "d50110"])
def test_a_multihash_of_another_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        parse_multihash(text)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (
            "S2A_OPER_MSI_L2A_DS_ATOS_20200703T123456_S20200703T103027_N02.14",
            datetime(2020, 7, 3, 10, 30, 27, tzinfo=UTC),
        ),
        (
            "S2B_OPER_MSI_L2A_DS_S2RP_20230530T175912_S20200705T101553_N05.00",
            datetime(2020, 7, 5, 10, 15, 53, tzinfo=UTC),
        ),
    ],
)
def test_the_start_of_a_datastrip(text: str, start: datetime) -> None:
    assert datastrip_start(text) == start


@pytest.mark.parametrize("text", ["", "S2A_20200703T103027", "X_S20209999T103027_N02.14"])
def test_what_is_no_datastrip_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        datastrip_start(text)


# Earth Search


def test_a_product_of_earth_search_has_a_file_for_each_raster(earth: Search, earth_items: list[Item]) -> None:
    offers = earth(earth_items)
    assert len(offers) == len(earth_items) > 0
    by_uri = {str(item["properties"]["s2:product_uri"]): item for item in earth_items}
    for offer in offers:
        item: Mapping[str, Any] = by_uri[f"{offer.name}.SAFE"]
        assert offer.folder == f"{offer.name}.COG"
        assert sorted(file.path for file in offer.files) == sorted(f"{offer.folder}/{r}.tif" for r in RASTER_RESOLUTION)
        assert Counter(file.role for file in offer.files) == {"scl": 1, "band": 12}
        hrefs = {str(asset["href"]).rpartition("/")[2] for asset in item["assets"].values()}
        assert {file.url.rpartition("/")[2] for file in offer.files} <= hrefs
        assert all(file.url.startswith("https://") and file.url.endswith(".tif") for file in offer.files)
        assert len({file.url for file in offer.files}) == len(offer.files)
        assert offer.item == item
        assert (offer.tile, offer.cloud) == (item["properties"]["grid:code"][5:], item["properties"]["eo:cloud_cover"])
        assert offer.start.tzinfo is not None


def test_addresses_may_be_relative_but_only_to_the_web(earth: Search, earth_items: list[Item]) -> None:
    (item,) = copy.deepcopy(earth_items[:1])
    item["links"] = [{"rel": "self", "href": "https://there/v1/items/x"}]
    item["assets"]["blue"]["href"] = "./B02.tif"
    (offer,) = earth([item])
    assert next(f for f in offer.files if f.path.endswith("/B02.tif")).url == "https://there/v1/items/B02.tif"
    for address, base in (("file:///etc/passwd", "https://there/"), ("./B02.tif", "")):
        item["assets"]["blue"]["href"], item["links"][0]["href"] = address, base
        with pytest.raises(SearchError, match="asset blue has the address"):
            earth([item])
