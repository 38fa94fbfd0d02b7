"""What is particular to a bucket: how little is fetched, what is sent along, and what its faults become."""

import os
import socket
import time
from typing import BinaryIO
from uuid import uuid4

import pytest

from recordings.vault import (
    AlreadyStored,
    Damaged,
    MasterKey,
    ObjectIdentity,
    Sealed,
    SeekableReader,
    StoreFull,
    StoreUnavailable,
    Vault,
    open_store,
)
from recordings.vault.stores.bucket import Bucket, service_errors
from recordings.vault.stores.s3 import S3Store
from recordings.vault.wire import SEGMENT_SIZE
from tests.aws import Aws

from .conftest import Person
from .samples import plaintext_of
from .shelves import Ids, s3_shelf
from .test_store_contract import LARGE, writing

MIB = 1024 * 1024
PLAINTEXT = plaintext_of(6 * MIB)


@pytest.fixture
def store(aws: Aws) -> S3Store:
    return s3_shelf(aws).store  # type: ignore[return-value]


@pytest.fixture
def ids() -> Ids:
    return uuid4(), uuid4(), uuid4()


@pytest.fixture
def vault(store: S3Store, master: MasterKey) -> Vault:
    return Vault(store, master)


@pytest.fixture
def identity(ada: Person) -> ObjectIdentity:
    return ada.object()


@pytest.fixture
def row(vault: Vault, ada: Person, identity: ObjectIdentity, aws: Aws) -> Sealed:
    row = vault.write(identity, ada.vault_id, ada.keyset, [PLAINTEXT])
    aws.asked.clear()
    return row


def opened(vault: Vault, ada: Person, identity: ObjectIdentity, row: Sealed) -> SeekableReader:
    return vault.open(identity, ada.vault_id, ada.keyset, plaintext_length=row.plaintext_length, header=row.header)


def test_a_range_costs_three_requests_and_no_more_bytes_than_its_segments(
    aws: Aws, vault: Vault, ada: Person, identity: ObjectIdentity, row: Sealed
) -> None:
    start, stop = MIB + 1, 3 * MIB + 1
    with opened(vault, ada, identity, row) as reader:
        at_opening = len(aws.asked)
        assert reader.read_range(start, stop) == PLAINTEXT[start:stop]
    assert {(asked.method, bool(asked.range)) for asked in aws.asked} == {("GET", True)}
    beginning, last = aws.asked[:at_opening]
    [range_] = aws.asked[at_opening:]
    assert (beginning.range, last.range_length <= SEGMENT_SIZE) == ("bytes=0-63", True)
    assert range_.range_length == 9 * SEGMENT_SIZE, "two MiB that begin inside a segment touch nine"


def test_reading_all_of_it_fetches_every_byte_about_once(
    aws: Aws, vault: Vault, ada: Person, identity: ObjectIdentity, row: Sealed
) -> None:
    with opened(vault, ada, identity, row) as reader:
        reader.demand_whole(row.sha256)
    fetched = sum(asked.range_length for asked in aws.asked)
    assert row.ciphertext_length <= fetched <= row.ciphertext_length + 64 + SEGMENT_SIZE
    assert len(aws.asked) == 2 + 3


def test_an_object_that_is_replaced_while_it_is_read_ends_the_reading(
    aws: Aws, vault: Vault, ada: Person, identity: ObjectIdentity, row: Sealed
) -> None:
    with opened(vault, ada, identity, row) as reader:
        pieces = reader.iter_range(0, len(reader))
        assert next(pieces) == PLAINTEXT[: SEGMENT_SIZE - 56]
        [(name, content)] = aws.contents().items()
        aws.replace(name, content[:-1] + b"\0")
        with pytest.raises(Damaged, match="replaced"):
            b"".join(pieces)


@pytest.mark.parametrize("fault", ["503", "cut", "whole"])
def test_a_bucket_that_fails_in_the_middle_ends_the_reading_as_unavailable(
    aws: Aws, vault: Vault, ada: Person, identity: ObjectIdentity, row: Sealed, fault: str
) -> None:
    with opened(vault, ada, identity, row) as reader:
        pieces = reader.iter_range(0, len(reader))
        next(pieces)
        aws.fails(fault)
        with pytest.raises(StoreUnavailable):
            b"".join(pieces)
        aws.fault = None
        assert reader.read_range(0, len(reader)) == PLAINTEXT, "it works again when the bucket does"


def test_a_service_that_does_not_know_ranges_is_refused_before_it_is_read(aws: Aws, store: S3Store, ids: Ids) -> None:
    store.put(*ids, writing(b"sealed"))
    aws.fails("whole", "GET")
    with pytest.raises(StoreUnavailable, match="ranges"):
        store.open(*ids)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_short_fault_is_tried_again(aws: Aws, store: S3Store, ids: Ids, method: str) -> None:
    aws.fails("503", method, times=2)
    store.put(*ids, writing(b"sealed"))
    aws.fails("503", method, times=2)
    with store.open(*ids) as file:
        assert file.read() == b"sealed"


@pytest.mark.parametrize("content", [b"sealed", LARGE])
def test_a_bucket_that_does_not_take_it_is_unavailable_and_nothing_is_stored(
    aws: Aws, store: S3Store, ids: Ids, content: bytes
) -> None:
    aws.fails("503", "PUT", after=int(content is LARGE))
    with pytest.raises(StoreUnavailable):
        store.put(*ids, writing(content))
    assert (aws.contents(), aws.uploads()) == ({}, 0)


@pytest.mark.parametrize("content", [b"sealed", LARGE])
def test_what_is_changed_on_its_way_up_is_refused(aws: Aws, store: S3Store, ids: Ids, content: bytes) -> None:
    aws.fails("corrupted", "PUT")
    with pytest.raises(StoreUnavailable):
        store.put(*ids, writing(content))
    assert aws.contents() == {}


@pytest.mark.parametrize(("content", "method"), [(b"sealed", "PUT"), (LARGE, "POST")])
def test_an_answer_that_is_lost_does_not_make_the_writer_its_own_rival(
    aws: Aws, store: S3Store, ids: Ids, content: bytes, method: str
) -> None:
    # Of a large object's two POSTs the first begins the upload; the second makes it the object.
    aws.fails("lost", method, after=int(content is LARGE), times=1)
    assert store.put(*ids, writing(content)) == len(content)
    assert list(aws.contents().values()) == [content]


def test_a_lost_answer_does_not_hide_a_real_rival(aws: Aws, store: S3Store, ids: Ids) -> None:
    def slow(file: BinaryIO) -> None:
        store.put(*ids, writing(b"first"))
        file.write(b"second")
        aws.fails("503", "PUT", times=1)

    with pytest.raises(AlreadyStored):
        store.put(*ids, slow)
    assert list(aws.contents().values()) == [b"first"]


def test_an_upload_that_was_swept_under_its_writer_is_not_acknowledged(aws: Aws, store: S3Store, ids: Ids) -> None:
    def slow(file: BinaryIO) -> None:
        writing(LARGE)(file)
        assert store.sweep(-60) == 1

    with pytest.raises(StoreUnavailable):
        store.put(*ids, slow)
    assert aws.contents() == {}


def test_the_sweep_takes_what_killed_writers_began_and_nothing_else(aws: Aws, store: S3Store, ids: Ids) -> None:
    store.put(*ids, writing(b"sealed"))
    child = os.fork()
    if not child:
        store.put(ids[0], ids[1], uuid4(), lambda file: (writing(LARGE)(file), os._exit(9)))
    os.waitpid(child, 0)
    aws.s3.create_multipart_upload(Bucket=aws.bucket, Key="elsewhere/vaults/x")
    assert aws.uploads() == 2
    begun_at = aws.s3.list_multipart_uploads(Bucket=aws.bucket)["Uploads"][0]["Initiated"].timestamp()
    assert store.sweep(time.time() - begun_at + 60) == 0
    assert store.sweep(time.time() - begun_at - 60) == 1
    assert aws.uploads() == 1, "another prefix is another installation's"
    assert list(aws.contents().values()) == [b"sealed"]


def test_deleting_a_recording_takes_more_objects_than_one_request_can_name(aws: Aws, store: S3Store, ids: Ids) -> None:
    place = f"portal/vaults/{ids[0]}/{ids[1]}"
    aws.fill([f"{place}0/neighbour", *(f"{place}/{number}" for number in range(1_005))])
    aws.s3.create_multipart_upload(Bucket=aws.bucket, Key=f"{place}/unfinished")
    assert store.delete_recording(*ids[:2]) is True
    assert list(aws.contents()) == [f"{place}0/neighbour"]
    assert aws.uploads() == 0


def test_a_deletion_that_is_refused_is_not_reported_as_done(aws: Aws, store: S3Store, ids: Ids, monkeypatch) -> None:
    store.put(*ids, writing(b"sealed"))
    real = Bucket.call

    def refusing(bucket: Bucket, operation: str, **parameters: object) -> dict[str, object]:
        if operation == "delete_objects":
            return {"Errors": [{"Code": "AccessDenied"}]}
        return real(bucket, operation, **parameters)

    monkeypatch.setattr(Bucket, "call", refusing)
    with pytest.raises(StoreUnavailable):
        store.delete_recording(*ids[:2])


def test_a_host_that_is_gone_is_unavailable(ids: Ids, aws: Aws) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        store = open_store(f"s3://bucket/portal?endpoint_url=http://127.0.0.1:{port}")
        for call in (lambda: store.open(*ids), lambda: store.put(*ids, writing(b"sealed")), store.check):
            with pytest.raises(StoreUnavailable):
                call()


def test_without_credentials_the_storage_is_unavailable(aws: Aws, ids: Ids, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = open_store(aws.storage_url.replace("127.0.0.1", "localhost"))  # a client that no test has made yet
    with pytest.raises(StoreUnavailable):
        store.open(*ids)
    assert aws.asked == []


def test_a_full_storage_is_told_as_such() -> None:
    from botocore.exceptions import ClientError

    error = ClientError({"Error": {"Code": "Any"}, "ResponseMetadata": {"HTTPStatusCode": 507}}, "PutObject")  # type: ignore[typeddict-item]
    with pytest.raises(StoreFull), service_errors():
        raise error


def test_a_child_process_has_connections_of_its_own(aws: Aws, store: S3Store, ids: Ids) -> None:
    store.put(*ids, writing(b"sealed"))
    parents = store._bucket._client()
    child = os.fork()
    if not child:
        os._exit(7 if store._bucket._client() is not parents and store.exists(*ids) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert store._bucket._client() is parents
