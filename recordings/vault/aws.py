"""Clients of AWS and of services that speak its protocols. Credentials come from boto3's own chain only."""

import os
from functools import cache
from typing import Any, Literal

import boto3
from botocore.config import Config

# Three tries of at most 12 s: whoever waits for a piece of a replay or for an acknowledgement gets an answer.
# Checksums are asked for where they are meant: compatible services do not know the ones boto3 adds by itself.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    tcp_keepalive=True,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


def client(service: Literal["s3", "kms"], *, region: str | None, endpoint_url: str | None) -> Any:
    """Return this process's client, made on first use and shared by its threads. Errors: botocore's own."""
    # RACE: a connection shared over a fork would give one process the other's answers.
    return _client_of(os.getpid(), service, region, endpoint_url)


@cache
def _client_of(process: int, service: str, region: str | None, endpoint_url: str | None) -> Any:
    # A session of its own: boto3's common one is not safe for threads.
    session = boto3.session.Session()
    return session.client(service, region_name=region, endpoint_url=endpoint_url, config=_CONFIG)
