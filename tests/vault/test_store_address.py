"""Which store a URL names; what cannot work, and what is secret, is refused with a sentence."""

from pathlib import Path

import pytest

from recordings.vault import FileStore, StoreUnusable, open_store
from recordings.vault.stores.s3 import S3Store


@pytest.mark.parametrize("named", ["storage", "my storage"])
def test_a_directory_is_named_by_its_absolute_path(tmp_path: Path, named: str) -> None:
    directory = tmp_path / named
    directory.mkdir()
    store = open_store(directory.as_uri())
    assert isinstance(store, FileStore)
    store.check()


@pytest.mark.parametrize(
    ("url", "key", "region", "endpoint_url"),
    [
        ("s3://bucket", "vaults", None, None),
        ("s3://bucket/", "vaults", None, None),
        ("s3://my.bucket-1/a/b-c_d.e/", "a/b-c_d.e/vaults", None, None),
        ("s3://bucket/p?region=eu-west-2", "p/vaults", "eu-west-2", None),
        ("s3://bucket/p?endpoint_url=https://s3.example:9000", "p/vaults", None, "https://s3.example:9000"),
        ("s3://bucket?endpoint_url=https%3A%2F%2Fs3.example&region=eu-west-2", "vaults", "eu-west-2", "https://s3.example"),
    ],
)  # fmt: skip
def test_a_bucket_is_named_with_its_prefix_region_and_service(url, key, region, endpoint_url) -> None:
    store = open_store(url)
    assert isinstance(store, S3Store)
    bucket = store._bucket
    assert (bucket.key("vaults"), bucket.region, bucket.endpoint_url) == (key, region, endpoint_url)


@pytest.mark.parametrize(
    "url",
    [
        "", "/var/storage", "storage", "ftp://host/x", "S4://bucket",
        "file://relative/path", "file:path", "file://", "file:///path?x=1", "file:///path#x",
        "s3://", "s3:///prefix", "s3://Bucket", "s3://b", "s3://bucket/../other", "s3://bucket/a//b", "s3://bucket/a b",
        "s3://bucket/%2e%2e/other", "s3://bucket:9000/x", "s3://bucket#x", "s3://bucket?region=", "s3://bucket?region=a/b",
        "s3://bucket?region=a&region=b", "s3://bucket?endpoint_url=", "s3://bucket?endpoint_url=ftp://host",
        "s3://bucket?endpoint_url=host", "s3://[", "s3://bucket?endpoint_url=http://[", "s3://bucket?unknown=1",
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(StoreUnusable) as refusal:
        open_store(url)
    assert len(str(refusal.value).split()) > 3


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:hunter2@bucket/prefix",
        "s3://bucket?aws_secret_access_key=hunter2",
        "s3://bucket?access_key=AKIA&secret_key=hunter2",
        "s3://bucket?endpoint_url=https://AKIA:hunter2@s3.example",
        "s3://bucket?endpoint_url=https://s3.example?token=hunter2",
    ],
)
def test_credentials_in_the_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(StoreUnusable, match="[Cc]redentials") as refusal:
        open_store(url)
    assert "hunter2" not in str(refusal.value) and "AKIA" not in str(refusal.value)
