"""Which store a URL names: file:///path or s3://bucket/prefix?endpoint_url=…&region=…"""

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from ..endpoint import is_endpoint
from ..errors import StoreUnusable
from .contract import Store
from .files import FileStore

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[\w-][\w.-]*(?:/[\w-][\w.-]*)*)?", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_OPTIONS = {"endpoint_url", "region"}


def open_store(url: str) -> Store:
    """Errors: StoreUnusable, whose text says what to change and repeats nothing of the URL."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise StoreUnusable("The storage URL is not a URL.") from error
    if scheme == "file":
        return FileStore(_directory(url))
    if scheme == "s3":
        return _bucket_store(url)
    raise StoreUnusable("The storage URL must start with one of: file://, s3://")


def _directory(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise StoreUnusable("A storage directory is named as file:///absolute/path")
    return Path(unquote(parts.path))


def _bucket_store(url: str) -> Store:
    # Imported here: boto3 costs every process 20 MB and a fifth of a second; only who names a bucket pays.
    from .bucket import Bucket
    from .s3 import S3Store

    parts = urlsplit(url)
    # SECURITY: a URL is shown in process lists, logs and error pages; a secret must not be in one.
    if "@" in parts.netloc:
        raise StoreUnusable("Credentials do not belong into the storage URL; boto3 finds them in its own places.")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) != len(pairs) or not options.keys() <= _OPTIONS or parts.fragment:
        raise StoreUnusable(
            "The storage URL takes endpoint_url and region, once each; boto3 finds credentials in its own places."
        )
    prefix = parts.path.strip("/")
    if not _BUCKET.fullmatch(parts.netloc) or not _PREFIX.fullmatch(prefix):
        raise StoreUnusable("A bucket is named as s3://bucket/prefix, in letters, digits, dots, hyphens and slashes.")
    region, endpoint_url = options.get("region"), options.get("endpoint_url")
    if region is not None and not _REGION.fullmatch(region):
        raise StoreUnusable("The storage URL's region is none.")
    if endpoint_url is not None and not is_endpoint(endpoint_url):
        raise StoreUnusable("The storage URL's endpoint_url must be https://host, without credentials.")
    return S3Store(Bucket(parts.netloc, prefix, region=region, endpoint_url=endpoint_url))
