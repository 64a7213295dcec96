"""Each fault of the proxy is the one that its name says."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from botocore.exceptions import ClientError

from tests.services.faults import Fault, FaultProxy, Request, always, seeded, sequence
from tests.services.odata import ODataServer
from tests.services.s3 import S3Server

CONTENT = bytes(range(256)) * 1000

Start = Callable[..., FaultProxy]


@pytest.fixture
def upstream(odata_server: ODataServer, tmp_path: Path) -> str:
    (tmp_path / "file").write_bytes(CONTENT)
    odata_server.add_public("file", tmp_path / "file")
    return odata_server.url


def get(proxy: FaultProxy, headers: dict[str, str] | None = None, timeout: float = 20) -> requests.Response:
    return requests.get(f"{proxy.url}/public/file", headers=headers, timeout=timeout)


def test_without_a_fault_all_comes_through(upstream: str, proxy: Start) -> None:
    front = proxy(upstream)
    with requests.Session() as session:  # one connection for all
        whole = session.get(f"{front.url}/public/file", timeout=20)
        part = session.get(f"{front.url}/public/file", headers={"Range": "bytes=10-19"}, timeout=20)
        head = session.head(f"{front.url}/public/file", timeout=20)
        missing = session.get(f"{front.url}/other?x=1", timeout=20)
    assert whole.content == CONTENT
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert missing.status_code == 404
    log = [(served.method, served.range, served.nth, served.status, served.body_bytes) for served in front.log]
    assert log[:3] == [("GET", None, 1, 200, 256000), ("GET", "bytes=10-19", 2, 206, 10), ("HEAD", None, 1, 200, 0)]
    assert front.log[3].path == "/other?x=1"
    assert front.body_bytes("/public/file") == 256010


@pytest.mark.parametrize("fault", [Fault.TRUNCATE, Fault.RESET])
def test_broken_bodies(upstream: str, proxy: Start, fault: Fault) -> None:
    front = proxy(upstream, sequence(fault))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)) as error:
        get(front)
    assert ("reset" in str(error.value)) == (fault is Fault.RESET)
    assert get(front).content == CONTENT
    assert front.log[0].fault is fault
    assert front.log[0].body_bytes < len(CONTENT) == front.log[1].body_bytes


@pytest.mark.parametrize("fault", [Fault.STALL, Fault.SILENCE])
def test_silence_lasts_until_the_client_goes(upstream: str, proxy: Start, fault: Fault) -> None:
    front = proxy(upstream, always(fault))
    with pytest.raises((requests.Timeout, requests.ConnectionError), match="timed out"):
        get(front, timeout=0.5)
    end = time.monotonic() + 10
    while not front.log and time.monotonic() < end:
        time.sleep(0.02)
    assert front.log[0].status == (200 if fault is Fault.STALL else None)


def test_drip(upstream: str, proxy: Start) -> None:
    front = proxy(upstream, sequence(Fault.DRIP))
    front.drip_bytes, front.drip_pause = 2, 0.1
    start = time.monotonic()
    assert get(front, {"Range": "bytes=0-5"}).content == CONTENT[:6]
    assert 0.2 <= time.monotonic() - start < 5


@pytest.mark.parametrize("fault", [Fault.HTTP_401, Fault.HTTP_429, Fault.HTTP_429_DATE, Fault.HTTP_500, Fault.HTTP_503])
def test_refusals(upstream: str, proxy: Start, fault: Fault) -> None:
    front = proxy(upstream, sequence(fault, path="/public"))
    front.retry_after = 7
    answer = get(front)
    assert str(answer.status_code) in fault
    after = answer.headers.get("Retry-After")
    if fault is Fault.HTTP_429_DATE:
        assert 4 < parsedate_to_datetime(str(after)).timestamp() - time.time() <= 8
    else:
        assert after == ("7" if fault in {Fault.HTTP_429, Fault.HTTP_503} else None)
    assert not front.log[0].upstream
    assert get(front).status_code == 200


def test_other_content(upstream: str, proxy: Start) -> None:
    front = proxy(upstream, sequence(Fault.IGNORE_RANGE, Fault.WRONG_BYTES))
    whole = get(front, {"Range": "bytes=0-99"})
    assert (whole.status_code, whole.content) == (200, CONTENT)
    wrong = get(front, {"Range": "bytes=0-99"}).content
    assert len(wrong) == 100
    assert 1 <= sum(a != b for a, b in zip(wrong, CONTENT, strict=False)) <= 3


def test_another_etag(upstream: str, proxy: Start) -> None:
    front = proxy(upstream, sequence(Fault.NONE, *[Fault.CHANGE_ETAG] * 3))
    old = get(front).headers["ETag"]
    assert get(front, {"If-Match": old}).status_code == 412
    new = get(front).headers["ETag"]
    assert new != old
    assert get(front, {"If-Match": new}).status_code == 200


def test_s3_takes_signatures_for_the_proxy(s3_server: S3Server, proxy: Start) -> None:
    s3_server.put("faults", "a file", CONTENT)
    front = proxy(s3_server.url, sequence(Fault.NONE, Fault.IGNORE_RANGE), sign=s3_server.sign)
    reader = s3_server.client(s3_server.access_key, s3_server.secret_key, url=front.url)
    for status, size in ((206, 10), (200, len(CONTENT))):
        answer = reader.get_object(Bucket="faults", Key="a file", Range="bytes=0-9")
        assert (answer["ResponseMetadata"]["HTTPStatusCode"], len(answer["Body"].read())) == (status, size)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3_server.client(s3_server.access_key, "wrong", url=front.url).get_object(Bucket="faults", Key="a file")


def test_seeded_plans_depend_on_nothing_else(upstream: str, proxy: Start) -> None:
    plan = seeded(3, {Fault.NONE: 1, Fault.HTTP_500: 1, Fault.HTTP_429: 1}, at_most=4)
    requested = [Request("GET", f"/{name}", None, nth) for name in "abcdef" for nth in range(1, 7)]
    drawn = [plan(request) for request in requested]
    assert drawn == [plan(request) for request in requested]
    assert set(drawn) == {Fault.NONE, Fault.HTTP_500, Fault.HTTP_429}
    assert all(fault is Fault.NONE for request, fault in zip(requested, drawn, strict=True) if request.nth > 4)
    front = proxy(upstream, plan)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: get(front, {"Range": "bytes=0-9"}), range(40)))
    assert sorted(served.nth for served in front.log) == list(range(1, 41))


def test_stopping_closes_kept_connections(upstream: str, proxy: Start) -> None:
    front = proxy(upstream)
    with requests.Session() as session:
        session.get(f"{front.url}/public/file", timeout=20)
        front.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{front.url}/public/file", timeout=20)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", urlsplit(front.url).port or 0)) != 0
