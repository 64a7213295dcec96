"""What the headers of answers mean: waits, lengths, ranges, refusals."""

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seasonet_build.transfer.http import HttpSource, OpenAccess
from seasonet_build.transfer.remote import ChangedError, CredentialsError, RemoteFile, RetryError, TransferError


class Answers:
    """A server whose next answer is set by the test; ``asked`` are the headers of the last request."""

    def __init__(self, url: str) -> None:
        self.url, self.status, self.body = url, 200, b""
        self.asked: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def set(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> RemoteFile:
        self.status, self.headers, self.body = status, dict(headers or {}), body
        return RemoteFile("file", f"{self.url}/file")


@pytest.fixture
def server() -> Iterator[Answers]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked = dict(self.headers.items())
            self.send_response(answers.status)
            for name, value in answers.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answers.body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    answers = Answers(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield answers
    http.shutdown()
    thread.join()
    http.server_close()


def source() -> HttpSource:
    return HttpSource(OpenAccess(), 5, 1)


def wait_asked_for(server: Answers, retry_after: str) -> float | None:
    file = server.set(429, {"Retry-After": retry_after})
    with pytest.raises(RetryError, match="429") as raised:
        source().open(file, 0, None)
    return raised.value.after


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("7", 7), (" 120 ", 120)])
def test_a_wait_in_seconds(server: Answers, text: str, seconds: float) -> None:
    assert wait_asked_for(server, text) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_a_wait_until_a_date(server: Answers, zone: str) -> None:
    when = datetime.now(UTC) + timedelta(seconds=100)
    after = wait_asked_for(server, format_datetime(when, usegmt=True).replace("GMT", zone))
    assert after is not None
    assert 50 < after <= 100


def test_a_date_that_has_passed_asks_for_no_wait(server: Answers) -> None:
    assert wait_asked_for(server, "Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "1.5", "\u00b2", "9" * 400, "Wed, 99 Oct 2015", "21 Oct 99999999999999 07:28:00"]
)
def test_a_wait_that_is_none_is_left_to_us(server: Answers, text: str) -> None:
    assert wait_asked_for(server, text) is None


@pytest.mark.parametrize(("length", "total"), [("4", 4), ("\u00b2", None), ("4x", None)])
def test_a_length_that_is_none_is_not_known(server: Answers, length: str, total: int | None) -> None:
    body = source().open(server.set(200, {"Content-Length": length, "ETag": '"v1"'}, b"abcd"), 0, None)
    assert (body.start, body.total, body.etag) == (0, total, '"v1"')
    body.close()


@pytest.mark.parametrize(("etag", "sent"), [('"v1"', '"v1"'), ('W/"v1"', None), (None, None)])
def test_the_rest_is_asked_for_if_it_still_is_of_the_version(
    server: Answers, etag: str | None, sent: str | None
) -> None:
    file = server.set(206, {"Content-Range": "bytes 2-3/4", **({"ETag": etag} if etag else {})}, b"cd")
    body = source().open(file, 2, etag)
    assert (body.start, body.total, body.read()) == (2, 4, b"cd")
    assert (server.asked["Range"], server.asked.get("If-Match")) == ("bytes=2-", sent)
    assert server.asked["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("header", ["bytes 1-3/4", "bytes 2-3/*", "2-3/4", ""])
def test_another_range_than_asked_for_is_not_taken(server: Answers, header: str) -> None:
    with pytest.raises(RetryError, match="another range"):
        source().open(server.set(206, {"Content-Range": header}, b"cd"), 2, None)


def test_another_version_is_noticed(server: Answers) -> None:
    with pytest.raises(ChangedError, match="ETag"):
        source().open(server.set(206, {"Content-Range": "bytes 2-3/4", "ETag": '"v2"'}, b"cd"), 2, '"v1"')
    for status in (412, 416):
        with pytest.raises(ChangedError, match=str(status)):
            source().open(server.set(status), 2, '"v1"')


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"", CredentialsError),
        (403, b"<Code>ExpiredToken</Code>", CredentialsError),
        (403, b"<Code>InvalidAccessKeyId</Code><AWSAccessKeyId>x</AWSAccessKeyId>", CredentialsError),
        (403, b"<Code>SignatureDoesNotMatch</Code>", CredentialsError),
        (403, b"<Code>AccessDenied</Code>", TransferError),
        (404, b"", TransferError),
        (500, b"", RetryError),
        (503, b"", RetryError),
    ],
)
def test_refusals(server: Answers, status: int, body: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=str(status)) as raised:
        source().open(server.set(status, {"Content-Length": str(len(body))}, body), 0, None)
    assert raised.type is kind
