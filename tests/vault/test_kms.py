"""A master key in KMS: it opens keysets for their patient only, and says clearly when it cannot."""

import socket
from uuid import uuid4

import pytest

from recordings.vault import KeyRefused, MasterKey, MasterKeyUnusable, Vault, new_wrapped_keyset, rewrap, unwrap
from tests.aws import Aws

from .shelves import s3_shelf

MOST_THAT_KMS_TAKES = 4096


@pytest.fixture
def uri(aws: Aws) -> str:
    return aws.new_key()


@pytest.fixture
def kms(uri: str) -> MasterKey:
    return MasterKey.load(uri)


def test_a_keyset_wrapped_in_kms_comes_back_for_its_patient_and_version_only(kms: MasterKey) -> None:
    patient = uuid4()
    wrapped = new_wrapped_keyset(kms, patient, 1)
    secret = unwrap(kms, wrapped, patient, 1).wrap_small(b"secret", b"for")
    assert unwrap(kms, wrapped, patient, 1).unwrap_small(secret, b"for") == b"secret"
    for other, version in ((uuid4(), 1), (patient, 2)):
        with pytest.raises(KeyRefused):
            unwrap(kms, wrapped, other, version)


def test_the_associated_data_is_the_encryption_context(kms: MasterKey, uri: str, aws: Aws) -> None:
    sealed = kms.aead.encrypt(b"keyset", b"tp1-keyset|\x00\xff")
    opened = aws.kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"associatedData": b"tp1-keyset|\x00\xff".hex()})
    assert opened["Plaintext"] == b"keyset"
    with pytest.raises(aws.kms.exceptions.InvalidCiphertextException):
        aws.kms.decrypt(CiphertextBlob=sealed)


def test_a_damaged_or_foreign_keyset_is_refused(kms: MasterKey, aws: Aws, master: MasterKey) -> None:
    patient = uuid4()
    wrapped = new_wrapped_keyset(kms, patient, 1)
    damaged = wrapped[:-20] + bytes([wrapped[-20] ^ 1]) + wrapped[-19:]
    for blob in (damaged, b"", b"not a keyset", new_wrapped_keyset(master, patient, 1)):
        with pytest.raises(KeyRefused):
            unwrap(kms, blob, patient, 1)


def test_a_keyset_moves_from_a_file_to_kms_and_back(kms: MasterKey, master: MasterKey) -> None:
    patient = uuid4()
    before = new_wrapped_keyset(master, patient, 1)
    secret = unwrap(master, before, patient, 1).wrap_small(b"secret", b"for")
    moved = rewrap(master, kms, before, patient, 1)
    back = rewrap(kms, master, moved, patient, 1)
    for key, wrapped in ((kms, moved), (master, back)):
        assert unwrap(key, wrapped, patient, 1).unwrap_small(secret, b"for") == b"secret"


def test_a_keyset_is_far_smaller_than_what_kms_takes(kms: MasterKey) -> None:
    class Scale:
        def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
            weighed.append(len(plaintext))
            return kms.aead.encrypt(plaintext, associated_data)

        def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
            return kms.aead.decrypt(ciphertext, associated_data)

    weighed: list[int] = []
    wrapped = new_wrapped_keyset(MasterKey(Scale()), uuid4(), 2**32 - 1)
    assert 32 < weighed[0] < MOST_THAT_KMS_TAKES / 16
    assert len(wrapped) < MOST_THAT_KMS_TAKES / 8


def test_kms_is_asked_once_for_a_keyset_that_is_used_often(kms: MasterKey, aws: Aws) -> None:
    vault, patient = Vault(s3_shelf(aws).store, kms), uuid4()
    wrapped = vault.new_key(patient, 1)
    aws.asked.clear()
    for _ in range(5):
        vault.keyset(patient, 1, wrapped)
    assert [asked.service for asked in aws.asked] == ["kms"]


def test_kms_that_is_gone_is_said_and_not_taken_for_a_wrong_keyset(aws: Aws, kms: MasterKey) -> None:
    wrapped = new_wrapped_keyset(kms, patient := uuid4(), 1)
    aws.fails("503")
    with pytest.raises(MasterKeyUnusable, match="Try again later"):
        unwrap(kms, wrapped, patient, 1)
    with pytest.raises(MasterKeyUnusable, match="Try again later"):
        new_wrapped_keyset(kms, patient, 2)
    aws.fails("InvalidCiphertextException", after=1)  # it wraps, and then does not unwrap
    with pytest.raises(MasterKeyUnusable, match="just sealed"):
        new_wrapped_keyset(kms, patient, 2)
    aws.fault = None
    assert unwrap(kms, wrapped, patient, 1)


def test_a_host_that_is_gone_is_a_clear_refusal(uri: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        elsewhere = f"{uri.partition('?')[0]}?endpoint_url=http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(MasterKeyUnusable, match="cannot be reached"):
            MasterKey.load(elsewhere)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("AccessDeniedException", "needs kms:Encrypt and kms:Decrypt"),
        ("DisabledException", "Enable it"),
        ("KMSInvalidStateException", "Cancel its deletion"),
        ("NotFoundException", "Check account, region and id"),
        ("ThrottlingException", "Try again later"),
        ("InvalidCiphertextException", "does not open what it has just sealed"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_at_the_start_with_what_to_do(
    uri: str, aws: Aws, word: str, sentence: str
) -> None:
    aws.fails(word, after=1)  # it encrypts, and then does not decrypt
    with pytest.raises(MasterKeyUnusable, match=sentence):
        MasterKey.load(uri)


def test_a_key_that_does_not_exist_is_refused_at_the_start(uri: str) -> None:
    with pytest.raises(MasterKeyUnusable, match="no such master key"):
        MasterKey.load(uri.replace(uri.partition("?")[0].rpartition("/")[2], str(uuid4())))


def test_without_credentials_kms_is_not_asked(uri: str, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    aws.asked.clear()
    with pytest.raises(MasterKeyUnusable, match="credentials"):
        MasterKey.load(uri.replace("127.0.0.1", "localhost"))  # a client that no test has made yet
    assert aws.asked == []


ARN = "aws-kms://arn:aws:kms:eu-west-2:123456789012:key/one"


@pytest.mark.parametrize(
    "uri",
    [
        "aws-kms://arn:aws:kms:eu",
        "aws-kms://arn:aws:kms:eu-west-2:123456789012:alias/one",
        "aws-kms://alias/one",
        "aws-kms://",
        f"{ARN}/../two",
        f"{ARN}#x",
        f"{ARN}?aws_secret_access_key=hunter2",
        f"{ARN}?endpoint_url=http://a&endpoint_url=http://b",
        f"{ARN}?endpoint_url=https://key:hunter2@kms.example",
        f"{ARN}?endpoint_url=ftp://kms.example",
        f"{ARN}?endpoint_url=",
    ],
)
def test_a_kms_key_is_named_by_its_arn_and_nothing_secret(uri: str) -> None:
    with pytest.raises(MasterKeyUnusable, match="aws-kms://arn:aws:kms:|endpoint_url") as refusal:
        MasterKey.load(uri)
    assert "hunter2" not in str(refusal.value)
