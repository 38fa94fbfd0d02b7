"""S3 and KMS as a server on loopback, seen from behind: what was asked, what is stored, and faults on demand."""

import base64
import hashlib
import io
import json
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Environ = dict[str, Any]
# Refused before anything happened, done but the answer lost, the answer cut in half, the range overlooked, the body
# changed on its way; anything else is the word KMS refuses with.
Fault = Literal["503", "lost", "cut", "whole", "corrupted"] | str
ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: str
    range: str
    service: str

    @property
    def range_length(self) -> int:
        first, _, last = self.range.removeprefix("bytes=").partition("-")
        return int(last) - int(first) + 1


class Aws:
    """One server for all tests; each begins with a bucket of its own."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self._answer = self._server._server.app
        self._server._server.app = self
        self._one_at_a_time = threading.Lock()
        self.url = f"http://127.0.0.1:{self._server.get_host_and_port()[1]}"
        self.fault: Callable[[Asked], Fault | None] | None = None
        self.asked: list[Asked] = []
        self.s3, self.kms = self._client("s3"), self._client("kms")
        self.begin()

    def _client(self, service: str) -> Any:
        import boto3

        return boto3.session.Session().client(service, region_name="eu-west-2", endpoint_url=self.url)

    def begin(self) -> None:
        self.fault = None
        self.bucket = f"bucket-{uuid.uuid4().hex}"
        where = {"LocationConstraint": "eu-west-2"}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=where)
        self.asked = []

    def stop(self) -> None:
        self._server.stop()

    @property
    def storage_url(self) -> str:
        return f"s3://{self.bucket}/portal?endpoint_url={self.url}&region=eu-west-2"

    def new_key(self) -> str:
        """Return the URI of a new master key."""
        arn = self.kms.create_key()["KeyMetadata"]["Arn"]
        return f"aws-kms://{arn}?endpoint_url={self.url}"

    def contents(self) -> dict[str, bytes]:
        found = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        keys = [one["Key"] for page in found for one in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def replace(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def fill(self, keys: Iterable[str]) -> None:
        """Store many empty objects without asking over the network for each."""
        from moto.s3.models import s3_backends

        backend = s3_backends["123456789012"]["aws"]
        for key in keys:
            backend.put_object(self.bucket, key, b"")

    def uploads(self) -> int:
        return len(self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))

    def fails(self, fault: Fault, method: str = "", *, after: int = 0, times: int = 1_000) -> None:
        """Let requests of a method fail: `times` of them, after the next few went well."""
        seen = iter(range(1_000_000))

        def chosen(asked: Asked) -> Fault | None:
            is_meant = method in ("", asked.method) and after <= next(seen) < after + times
            return fault if is_meant else None

        self.fault = chosen

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = Asked(
            environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], environ.get("HTTP_RANGE", ""),
            "kms" if "/kms/" in environ.get("HTTP_AUTHORIZATION", "") else "s3",
        )  # fmt: skip
        self.asked.append(asked)
        fault = self.fault(asked) if self.fault else None
        if fault == "503":
            return refused(start_response, "503 Service Unavailable", "SlowDown")
        if fault and fault.endswith("Exception"):
            start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
            return [json.dumps({"__type": fault}).encode()]
        if fault == "whole":
            del environ["HTTP_RANGE"]
        if fault == "corrupted":
            body = bytes([body[0] ^ 1]) + body[1:]
        checksum = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")
        if checksum and checksum != base64.b64encode(hashlib.sha256(body).digest()).decode():
            # The real service compares; this one would believe.
            return refused(start_response, "400 Bad Request", "BadDigest")
        environ["wsgi.input"] = io.BytesIO(body)
        # Nor does it look and store in one step.
        with self._one_at_a_time:
            if fault == "lost":
                b"".join(self._answer(environ, lambda *_: None))
                return refused(start_response, "500 Internal Server Error", "InternalError")
            answer = self._answer(environ, start_response)
        whole = b"".join(answer)
        return [whole[: len(whole) // 2]] if fault == "cut" else [whole]


def refused(start_response: Callable[..., Any], status: str, code: str) -> list[bytes]:
    body = ERROR.format(code=code).encode()
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]
