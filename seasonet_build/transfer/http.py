"""Opening files over HTTP; S3 is HTTP with signed headers."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import requests
import urllib3

from seasonet_build import __version__
from seasonet_build.transfer.remote import ChangedError, CredentialsError, RemoteFile, RetryError, TransferError

CHUNK = 1 << 20
"""The most bytes that are taken from a connection at once."""

_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_NUMBER = re.compile("[0-9]{1,18}")
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class Access(Protocol):
    """How a provider wants to be asked."""

    def address(self, url: str) -> str:
        """Return the HTTP address of a file."""

    def headers(self, address: str) -> Mapping[str, str]:
        """Return the headers that let us in.

        Raises:
            CredentialsError: there are no credentials, or they are not taken.
            RetryError: none could be had just now.
        """

    def renew(self, used: Mapping[str, str]) -> bool:
        """Get new credentials in place of those that were refused; tell whether there are some."""


class OpenAccess:
    """No account is needed."""

    def address(self, url: str) -> str:
        """Return the address as it is."""
        return url

    def headers(self, _address: str) -> Mapping[str, str]:
        """Return none."""
        return {}

    def renew(self, _used: Mapping[str, str]) -> bool:
        """There is nothing to renew."""
        return False


class HttpSource:
    """Opens files of one provider; safe to use from several threads.

    ``timeout_s`` is how long a connection may take to come about, and how long it may stay silent.
    """

    def __init__(self, access: Access, timeout_s: float, connections: int) -> None:
        """Prepare; nothing is asked yet."""
        self._access, self._timeout = access, timeout_s
        self._session = requests.Session()
        self._session.auth = _no_netrc
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=connections, max_retries=0)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def open(self, file: RemoteFile, start: int, etag: str | None) -> "HttpBody":
        """Ask for a file from a position on, if it still is of a version.

        Raises:
            TransferError: the server refuses, has another version, or asks to try later.
            CredentialsError: it does not know us.
        """
        address = self._access.address(file.url)
        access = self._access.headers(address)
        # Identity: a compressed answer has other positions and another length.
        headers = {"User-Agent": f"seasonet-build/{__version__}", "Accept-Encoding": "identity", **access}
        if start:
            headers["Range"] = f"bytes={start}-"
            if etag is not None and not etag.startswith("W/"):
                headers["If-Match"] = etag
        try:
            response = self._session.get(address, headers=headers, stream=True, timeout=self._timeout)
        except requests.exceptions.InvalidURL as error:
            raise TransferError(f"the catalogue gives an address that is none: {error}") from None
        except _BROKEN as error:
            raise RetryError(_plain(error)) from None
        try:
            return self._answer(response, start, etag, access)
        except BaseException:
            response.close()
            raise

    def _answer(
        self, response: requests.Response, start: int, etag: str | None, access: Mapping[str, str]
    ) -> "HttpBody":
        status = response.status_code
        if status == requests.codes.ok:
            return HttpBody(response, 0, _length(response))
        if status == requests.codes.partial_content and start:
            return self._part(response, start, etag)
        if status == requests.codes.accepted:
            # So answers a DHuS for what is in its long-term archive, and begins to bring it back.
            raise TransferError(
                "it is not online; the server was asked to bring it back: run again in some hours (202)"
            )
        if status in (requests.codes.precondition_failed, requests.codes.requested_range_not_satisfiable):
            raise ChangedError(f"the file on the server has changed ({status})")
        if status == requests.codes.unauthorized or (status == requests.codes.forbidden and _is_expired(response)):
            if self._access.renew(access):
                raise RetryError(f"the server did not take the token ({status})")
            raise CredentialsError(f"{_host(response)} does not take the credentials ({status}); check them")
        if status in _RETRIED:
            raise RetryError(f"the server answered {status}", _retry_after(response))
        if status == requests.codes.forbidden and b"AccessKey" in response.content[:2000]:
            raise CredentialsError(f"{_host(response)} does not know the access key ({status}); check it")
        if status == requests.codes.forbidden and b"SignatureDoesNotMatch" in response.content[:2000]:
            raise CredentialsError(f"{_host(response)} does not take the secret key ({status}); check it")
        raise TransferError(f"the server answered {status}")

    def _part(self, response: requests.Response, start: int, etag: str | None) -> "HttpBody":
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != start:
            raise RetryError(f"the server sent another range than asked for ({response.headers.get('Content-Range')})")
        body = HttpBody(response, start, int(match[3]))
        if etag is not None and body.etag is not None and body.etag != etag:
            raise ChangedError("the file on the server has changed (ETag)")
        return body


class HttpBody:
    """The bytes of an answer."""

    def __init__(self, response: requests.Response, start: int, total: int | None) -> None:
        """Take over an answer."""
        self.start, self.total, self.etag = start, total, response.headers.get("ETag")
        self._response = response

    def read(self) -> bytes:
        """Return the bytes that have come in, a megabyte at most; nothing at the end.

        Raises:
            RetryError: the connection broke or fell silent.
        """
        try:
            # One system call's worth: waiting for a full chunk would let a dripping server hold us for hours.
            data: bytes = self._response.raw.read1(CHUNK)
        except _BROKEN as error:
            raise RetryError(_plain(error)) from None
        return data

    def close(self) -> None:
        """Give the connection back, or end it if bytes are still to come."""
        with suppress(*_BROKEN):
            self._response.close()


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from looking for a password in ~/.netrc, which would replace our headers."""
    return request


def _length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if _NUMBER.fullmatch(text) else None


def _host(response: requests.Response) -> str:
    return urllib3.util.parse_url(response.url).netloc or response.url


def _is_expired(response: requests.Response) -> bool:
    return b"ExpiredToken" in response.content[:2000]


def _retry_after(response: requests.Response) -> float | None:
    """Return how long the server asks to wait, seconds: a number or a date (RFC 9110, section 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _plain(error: Exception) -> str:
    """Return what happened, in a few words and without addresses, which may hold secrets."""
    text = str(error).lower()
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError) or "timed out" in text:
        return "the server fell silent"
    if "name or service" in text or "name resolution" in text or "getaddrinfo" in text:
        return "the server's name is not known"
    if "refused" in text:
        return "the server refuses connections"
    if isinstance(error, requests.exceptions.SSLError) or "certificate" in text:
        return "the server's certificate is not valid"
    return "the connection broke"
