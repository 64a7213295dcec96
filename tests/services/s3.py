"""S3 with accounts: moto's server, which checks signatures and policies as Amazon's does."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.services.catalogue import BUCKET
from tests.services.process import ServerProcess, free_port, listens
from tests.services.safe_facts import Safe

REGION = "us-east-1"
_READER = ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"]
_SET_UP_REQUESTS = 6  # two accounts: user, policy, key of each


class S3Server:
    """A running S3 at ``url``; the key may read every bucket, and nothing else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._buckets: set[str] = set()
        self.access_key, self.secret_key = self._account("reader", _READER)
        self._writer = self.client(*self._account("writer", ["s3:*"]))

    def put(self, bucket: str, key: str, content: Path | bytes) -> None:
        """Store a file's content or some bytes; makes the bucket if need be."""
        if bucket not in self._buckets:
            self._writer.create_bucket(Bucket=bucket)
            self._buckets.add(bucket)
        body = content if isinstance(content, bytes) else content.read_bytes()
        self._writer.put_object(Bucket=bucket, Key=key, Body=body)

    def put_product(self, product: Path, bucket: str = BUCKET) -> None:
        """Store all files of a ``.SAFE`` folder where items of ``tests.services.catalogue`` say that they are."""
        safe = Safe(product)
        for inner, file in safe.files.items():
            self.put(bucket, f"{safe.s3_prefix}/{inner}", file)

    def delete(self, bucket: str, key: str) -> None:
        self._writer.delete_object(Bucket=bucket, Key=key)

    def client(self, access_key: str, secret_key: str, service: str = "s3", url: str | None = None) -> Any:
        """Return boto3's client, which fails at the first error; ``url`` is that of a proxy in front of the server."""
        return boto3.client(
            service,
            endpoint_url=url or self.url,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=20),
        )

    def sign(self, method: str, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Sign a request of the reader anew: for a proxy that changes signed headers."""
        kept = {name: value for name, value in headers.items() if name.lower() not in _SIGNATURE}
        request = AWSRequest(method, url, headers=kept)
        S3SigV4Auth(Credentials(self.access_key, self.secret_key), "s3", REGION).add_auth(request)
        return dict(request.headers.items())

    def _account(self, name: str, actions: list[str]) -> tuple[str, str]:
        iam = self.client("setup", "setup", "iam")
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


_SIGNATURE = {"authorization", "x-amz-date", "x-amz-content-sha256"}


@contextmanager
def s3_server(services: Path) -> Iterator[S3Server]:
    """Run an S3 without buckets; ``services`` is the folder of scripts/test-services.sh."""
    with tempfile.TemporaryDirectory(prefix="seasonet-s3-") as folder:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        # So many requests go unchecked that the accounts can be made; from then on every one needs a signature.
        environment = {"INITIAL_NO_AUTH_ACTION_COUNT": str(_SET_UP_REQUESTS)}
        log = Path(folder) / "moto.log"
        with ServerProcess(
            [services / "bin" / "moto_server", "-H", "127.0.0.1", "-p", port], log, environment
        ) as process:
            process.wait_until(lambda: listens(port) and requests.get(f"{url}/moto-api/data.json", timeout=5).ok)
            yield S3Server(url)
