"""How the Copernicus Data Space wants to be asked: signed requests to S3, or bearer tokens."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from seasonet_build.transfer.remote import CredentialsError, RetryError, TransferError

_EARLY_S = 30.0
"""A token is renewed so long before it ends, so that it does not end on its way."""


class S3Access:
    """Signs requests (AWS Signature Version 4) with keys from the environment or a profile, as boto3 finds them."""

    def __init__(self, endpoint: str, region: str, profile: str | None) -> None:
        """Find the keys.

        Raises:
            CredentialsError: there are none.
        """
        import boto3
        from botocore.exceptions import BotoCoreError

        self._endpoint, self._region = endpoint.rstrip("/"), region
        try:
            self._credentials = boto3.Session(profile_name=profile).get_credentials()
        except BotoCoreError as error:
            raise CredentialsError(f"download.profile: {error}") from None
        if self._credentials is None:
            raise CredentialsError(
                f"no keys for {endpoint}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile "
                "(download.profile)"
            )

    def address(self, url: str) -> str:
        """Return the path-style HTTP address of ``s3://bucket/key``."""
        parts = urlsplit(url)
        if parts.scheme != "s3":
            raise TransferError(f"the catalogue gives no S3 address ({parts.scheme}://); set download.protocol")
        return f"{self._endpoint}/{quote(f'{parts.netloc}{parts.path}')}"

    def headers(self, address: str) -> Mapping[str, str]:
        """Return the headers of a signed GET."""
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="GET", url=address)
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
        return dict(request.headers.items())

    def renew(self, _used: Mapping[str, str]) -> bool:
        """Keys are not renewed, unless boto3 does so by itself; each request is signed anew."""
        return False


@dataclass
class _Token:
    """An access token and the means to get the next one; times are of time.monotonic."""

    access: str
    ends: float
    refresh: str | None
    refresh_ends: float


class TokenAccess:
    """Bearer tokens of an OpenID server, renewed under a lock, so that all threads share one session."""

    def __init__(self, token_url: str, timeout_s: float) -> None:
        """Read user and password from the environment.

        Raises:
            CredentialsError: they are not there.
        """
        self._url, self._timeout = token_url, timeout_s
        self._user, self._password = os.environ.get("CDSE_USERNAME"), os.environ.get("CDSE_PASSWORD")
        if not self._user or not self._password:
            raise CredentialsError(
                "no account for the Copernicus Data Space: set CDSE_USERNAME and CDSE_PASSWORD "
                "(with two-factor login only S3 keys work: download.protocol = 's3')"
            )
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def address(self, url: str) -> str:
        """Return the address as it is."""
        if not url.startswith(("https://", "http://")):
            raise TransferError("the catalogue gives no HTTPS address; set download.protocol")
        return url

    def headers(self, _address: str) -> Mapping[str, str]:
        """Return the header with a token that is good for a while.

        Raises:
            CredentialsError: user and password are not taken.
            RetryError: the server cannot give a token just now.
        """
        with self._lock:
            if self._token is None or time.monotonic() > self._token.ends:
                self._token = self._next()
            return {"Authorization": f"Bearer {self._token.access}"}

    def renew(self, used: Mapping[str, str]) -> bool:
        """Drop a token that was refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token is not None and used.get("Authorization") == f"Bearer {self._token.access}":
                self._token.ends = 0.0
        return True

    def _next(self) -> _Token:
        old = self._token
        if old is not None and old.refresh is not None and time.monotonic() < old.refresh_ends:
            token = self._ask({"grant_type": "refresh_token", "refresh_token": old.refresh})
            if token is not None:
                return token
        token = self._ask({"grant_type": "password", "username": self._user, "password": self._password})
        if token is None:
            raise CredentialsError(
                f"{urlsplit(self._url).netloc} does not take CDSE_USERNAME and CDSE_PASSWORD; check them "
                "(with two-factor login only S3 keys work)"
            )
        return token

    def _ask(self, form: Mapping[str, Any]) -> _Token | None:
        """Ask for a token; None: what was sent is not taken."""
        try:
            form = {"client_id": "cdse-public", **form}
            # Authentication that does nothing: else requests looks for a password of its own in ~/.netrc.
            answer = requests.post(self._url, data=form, timeout=self._timeout, auth=lambda request: request)
        except requests.RequestException:
            raise RetryError("the server of the tokens cannot be reached") from None
        if answer.status_code in (requests.codes.bad_request, requests.codes.unauthorized):
            return None
        if answer.status_code != requests.codes.ok:
            raise RetryError(f"the server of the tokens answered {answer.status_code}")
        try:
            body, now = answer.json(), time.monotonic()
            ends = now + max(0.0, float(body["expires_in"]) - _EARLY_S)
            refresh_ends = now + float(body.get("refresh_expires_in", 0)) - _EARLY_S
            return _Token(str(body["access_token"]), max(ends, now + 1), body.get("refresh_token"), refresh_ends)
        except (ValueError, KeyError, TypeError):
            raise RetryError("the server of the tokens gave an answer that is none") from None
