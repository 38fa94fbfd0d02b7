"""One bucket of an S3-compatible service: its operations, and its refusals as facts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .. import aws
from ..errors import Missing, StoreFull, StoreUnavailable, VaultError


class ConditionFailed(VaultError):
    """A request that was to hold for one version of an object met another, or any."""

    fact = "The object is not in the state the request asked for."


class RangeOutside(VaultError):
    """The object ends before the range begins."""

    fact = "The range is outside the object."


_BY_CODE: dict[str, type[VaultError]] = {"NoSuchKey": Missing, "NoSuchUpload": ConditionFailed}
_BY_STATUS: dict[int, type[VaultError]] = {412: ConditionFailed, 416: RangeOutside, 507: StoreFull}


@dataclass(frozen=True)
class Bucket:
    name: str
    prefix: str
    region: str | None = None
    endpoint_url: str | None = None

    def key(self, *names: str) -> str:
        return "/".join([self.prefix, *names] if self.prefix else names)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Errors: Missing, ConditionFailed, RangeOutside, StoreFull, StoreUnavailable."""
        with service_errors():
            answer: dict[str, Any] = getattr(self._client(), operation)(Bucket=self.name, **parameters)
        return answer

    def pages(self, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield the answers of an operation that lists. Errors: StoreUnavailable."""
        with service_errors():
            yield from self._client().get_paginator(operation).paginate(Bucket=self.name, **parameters)

    def _client(self) -> Any:
        return aws.client("s3", region=self.region, endpoint_url=self.endpoint_url)


@contextmanager
def service_errors() -> Iterator[None]:
    """Turn what boto3 raises, also while a body is read, into the fact it stands for."""
    try:
        yield
    except ClientError as error:
        raise _fact_of(error)() from error
    except (BotoCoreError, OSError) as error:
        raise StoreUnavailable from error


def _fact_of(error: ClientError) -> type[VaultError]:
    # By its code: a bucket that is not there answers 404, too, and must not look like lost recordings.
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _BY_CODE.get(code) or _BY_STATUS.get(status, StoreUnavailable)
