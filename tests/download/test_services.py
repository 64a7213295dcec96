"""The servers that stand in for the providers do what the providers do."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from botocore.exceptions import ClientError

from seasonet_build.demo.safe import BAND_RESOLUTION, SyntheticProduct, write_product
from tests.services.catalogue import BUCKET, COLLECTION, cdse_item, collection
from tests.services.dhus import DhusServer
from tests.services.earth_search import earth_search_item
from tests.services.faults import FaultProxy
from tests.services.odata import ODataServer
from tests.services.s3 import S3Server
from tests.services.safe_facts import Safe
from tests.services.stac import StacServer

DAYS = [datetime(2018, 4, day, 10, 40, 21, tzinfo=UTC) for day in (3, 8, 13, 18, 23)]


@pytest.fixture(scope="session")
def products(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five small products of one tile; the first is the cloudiest."""
    folder = tmp_path_factory.mktemp("products")
    made = []
    for number, day in enumerate(DAYS):
        product = SyntheticProduct("32UNA", 32632, 500040, 5500020, 1200, day, baseline="05.00", offset=-1000)
        bands = {band: np.full((1200 // size,) * 2, number, np.uint16) for band, size in BAND_RESOLUTION.items()}
        scl = np.full((60, 60), 4, np.uint8)
        scl[: 60 - 12 * number] = 9
        made.append(write_product(folder, product, bands, scl))
    return made


def search(url: str, **body: Any) -> Any:
    answer = requests.post(f"{url}/search", json={"collections": [COLLECTION], **body}, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(answer: Any) -> list[str]:
    return [item["id"] for item in answer["features"]]


@pytest.mark.xdist_group("stac")
def test_stac_filters_pages_and_finds_by_place(
    stac_server: StacServer, products: list[Path], proxy: Callable[..., FaultProxy]
) -> None:
    names = [Safe(product).name for product in products]
    stac_server.load(collection(), [cdse_item(product) for product in products])
    # Through a proxy: the links to further pages have to lead through it too.
    url = proxy(stac_server.url).url
    cloud = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 40]}
    tile = {"op": "=", "args": [{"property": "grid:code"}, "MGRS-32UNA"]}
    query = {"filter-lang": "cql2-json", "filter": {"op": "and", "args": [cloud, tile]}}
    assert sorted(ids(search(url, **query))) == names[3:]
    assert ids(search(url, ids=names[1:2])) == names[1:2]
    assert ids(search(url, datetime="2018-04-08T00:00:00Z/2018-04-09T00:00:00Z")) == names[1:2]
    here, there = ({"type": "Point", "coordinates": [longitude, 49.645]} for longitude in (9.005, 11))
    assert len(ids(search(url, intersects=here))) == 5
    assert ids(search(url, intersects=there)) == []

    found, page = [], search(url, limit=2)
    while True:
        found += ids(page)
        following = [link for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        assert following[0]["href"].startswith(url)
        page = search(url, **following[0]["body"])
    assert sorted(found) == names


@pytest.mark.xdist_group("stac")
def test_stac_gives_real_items_back(stac_server: StacServer, real_items: Path) -> None:
    items = [json.loads(line) for line in (real_items / "cdse_sentinel-2-l2a_items.ndjson").open(encoding="utf-8")]
    stac_server.load(json.loads((real_items / "cdse_sentinel-2-l2a_collection.json").read_text("utf-8")), items)
    back = {item["id"]: item for item in search(stac_server.url)["features"]}
    for item in items:
        assert back[item["id"]]["properties"] == item["properties"]
        assert back[item["id"]]["assets"]["SCL_20m"] == item["assets"]["SCL_20m"]


def test_made_items_have_the_form_of_real_ones(products: list[Path], real_items: Path) -> None:
    for file, made in (
        ("cdse_sentinel-2-l2a_items.ndjson", cdse_item(products[0], archive=products[0] / "manifest.safe")),
        ("earth_search_items.ndjson", earth_search_item(products[0], {"B02": "http://x/B02.tif"}, True)),
    ):
        real = json.loads((real_items / file).open(encoding="utf-8").readline())
        assert made.keys() <= real.keys()
        assert made["properties"].keys() <= real["properties"].keys()
        for name, asset in made["assets"].items():
            assert asset.keys() <= real["assets"][name].keys(), name
            checksums = [checked["assets"][name].get("file:checksum", "") for checked in (made, real)]
            assert checksums[0][:6] == checksums[1][:6] or checksums[0][:4] == checksums[1][:4] == "1620", name


def test_s3_knows_its_users(s3_server: S3Server, products: list[Path]) -> None:
    scl = cdse_item(products[0])["assets"]["SCL_20m"]
    key = scl["href"].removeprefix(f"s3://{BUCKET}/")
    s3_server.put_product(products[0])
    reader = s3_server.client(s3_server.access_key, s3_server.secret_key)
    content = reader.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert scl["file:checksum"] == "1620" + hashlib.sha3_256(content).hexdigest()

    def status(*, secret: str = s3_server.secret_key, key: str = key, **options: str) -> int:
        try:
            client = s3_server.client(s3_server.access_key, secret)
            return int(client.get_object(Bucket=BUCKET, Key=key, **options)["ResponseMetadata"]["HTTPStatusCode"])
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])

    part = reader.get_object(Bucket=BUCKET, Key=key, Range="bytes=5-9")
    assert (part["ContentRange"], part["Body"].read()) == (f"bytes 5-9/{len(content)}", content[5:10])
    assert status(Range="bytes=5-9", IfMatch=part["ETag"]) == 206
    assert status(Range="bytes=5-9", IfMatch='"other"') == 412
    assert status(secret="wrong") == 403
    assert status(key="no such key") == 404
    assert requests.get(f"{s3_server.url}/{BUCKET}/{key}", timeout=20).status_code == 403
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.put_object(Bucket=BUCKET, Key="new", Body=b"")


def test_odata_wants_a_token_that_is_still_good(odata_server: ODataServer, products: list[Path]) -> None:
    safe = Safe(products[0])
    odata_server.add_product(safe.uuid, products[0])
    assets = cdse_item(products[0], odata_url=odata_server.url)["assets"]
    url = assets["SCL_20m"]["alternate"]["https"]["href"]
    account = {"username": odata_server.user, "password": odata_server.password}

    def token(**form: str) -> requests.Response:
        return requests.post(odata_server.token_url, data={"client_id": "cdse-public", **form}, timeout=20)

    def get(url: str, token: str, **headers: str) -> requests.Response:
        return requests.get(url, headers={"Authorization": f"Bearer {token}", **headers}, timeout=20)

    wrong = token(grant_type="password", **{**account, "password": "wrong"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_grant")
    given = token(grant_type="password", **account).json()
    assert get(url, "x").status_code == 401
    whole = get(url, given["access_token"])
    assert whole.content == (products[0].parent / assets["SCL_20m"]["file:local_path"]).read_bytes()
    part = get(url, given["access_token"], **{"Range": "bytes=5-9", "If-Match": whole.headers["ETag"]})
    assert (part.status_code, part.content) == (206, whole.content[5:10])
    assert get(url, given["access_token"], **{"If-Match": '"other"'}).status_code == 412
    assert get(url.replace("SCL", "XYZ"), given["access_token"]).status_code == 404
    # Real items have an empty node in this address.
    empty = assets["granule_metadata"]["alternate"]["https"]["href"]
    assert get(empty, given["access_token"]).status_code == 404
    odata_server.empty_nodes = True
    assert get(empty, given["access_token"]).status_code == 200

    odata_server.expire_tokens()
    assert get(url, given["access_token"]).status_code == 401
    new = token(grant_type="refresh_token", refresh_token=given["refresh_token"]).json()
    assert get(url, new["access_token"]).status_code == 200
    assert odata_server.tokens.given == {"password": 1, "refresh_token": 1}
    odata_server.expire_tokens(refresh=True)
    assert token(grant_type="refresh_token", refresh_token=new["refresh_token"]).status_code == 400


def test_public_files_need_no_token_and_may_know_no_ranges(odata_server: ODataServer, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"0123456789")
    url = odata_server.add_public("a.tif", tmp_path / "a.tif")
    assert requests.head(url, timeout=20).headers["Content-Length"] == "10"
    assert requests.get(url, headers={"Range": "bytes=-3"}, timeout=20).content == b"789"
    assert requests.get(url, headers={"Range": "bytes=10-"}, timeout=20).status_code == 416
    odata_server.public_ranges = False
    answer = requests.get(url, headers={"Range": "bytes=-3"}, timeout=20)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert "Accept-Ranges" not in answer.headers


def test_sentinelsat_takes_the_dhus_for_one(dhus_server: DhusServer, products: list[Path], tmp_path: Path) -> None:
    sentinelsat = pytest.importorskip("sentinelsat", reason="the extra dhus is not installed")
    for product in products:
        (archive := tmp_path / f"{product.stem}.zip").write_bytes(product.name.encode() * 100)
        dhus_server.add(Safe(product).uuid, cdse_item(product), archive)
    api = sentinelsat.SentinelAPI(dhus_server.user, dhus_server.password, dhus_server.url, show_progressbars=False)
    api.page_size = 2
    assert len(api.query(platformname="Sentinel-2", producttype="S2MSI2A", date=(DAYS[0], DAYS[-1]))) == 5
    (uuid,) = api.query("POINT(9.005 49.645)", cloudcoverpercentage=(0, 30))
    facts = api.get_product_odata(uuid)
    assert facts["title"] == Safe(products[4]).name
    path = Path(api.download(uuid, tmp_path / "..")["path"])  # which compares the MD5
    assert path.stat().st_size == facts["size"]
    path.unlink()
    dhus_server.products[uuid].online = False
    assert not api.is_online(uuid)
    with pytest.raises(sentinelsat.exceptions.UnauthorizedError):
        sentinelsat.SentinelAPI("reader", "wrong", dhus_server.url).query(platformname="Sentinel-2")
