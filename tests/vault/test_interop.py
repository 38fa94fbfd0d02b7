"""Files of the vault open with the tink package, and files of the tink package with the vault."""

import hashlib
import io

import pytest
import tink  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from tink import streaming_aead

from recordings.vault import MasterKey, SeekableReader
from recordings.vault.wire import ciphertext_length

from .conftest import Person
from .samples import BORDERS, FIVE_SEGMENTS, plaintext_of, seal


class KeptOpen(io.BytesIO):
    """Tink closes its destination; this one stays readable."""

    def close(self) -> None:
        pass


def tink_primitive(master: MasterKey, person: Person) -> streaming_aead.StreamingAead:
    bound = b"tp1-keyset|" + person.patient.bytes + b"\0\0\0\1"
    handle = tink.proto_keyset_format.parse_encrypted(person.wrapped, master.aead, bound)
    return handle.primitive(streaming_aead.StreamingAead)


def tink_encrypted(master: MasterKey, person: Person, plaintext: bytes, associated_data: bytes) -> bytes:
    file = KeptOpen()
    stream = tink_primitive(master, person).new_encrypting_stream(file, associated_data)
    with stream:
        stream.write(plaintext)
    return file.getvalue()


def tink_decrypted(master: MasterKey, person: Person, ciphertext: bytes, associated_data: bytes) -> bytes:
    source = io.BytesIO(ciphertext)
    with tink_primitive(master, person).new_decrypting_stream(source, associated_data) as stream:
        return bytes(stream.read())


@pytest.mark.parametrize("length", BORDERS)
def test_tink_opens_what_the_vault_wrote(master: MasterKey, ada: Person, length: int) -> None:
    file = seal(ada.keyset, ada.object(), plaintext_of(length))
    opened = tink_decrypted(master, ada, file.ciphertext, file.identity.associated_data())
    assert opened == file.plaintext


@pytest.mark.parametrize("length", BORDERS)
def test_the_vault_opens_what_tink_wrote(master: MasterKey, ada: Person, length: int) -> None:
    identity, plaintext = ada.object(), plaintext_of(length)
    ciphertext = tink_encrypted(master, ada, plaintext, identity.associated_data())
    assert len(ciphertext) == ciphertext_length(length)
    with SeekableReader(
        io.BytesIO(ciphertext),
        ada.keyset,
        identity,
        expected_length=length,
        expected_header=ciphertext[:40],
    ) as reader:
        assert reader.read_range(0, length) == plaintext


@pytest.mark.parametrize("length", BORDERS)
def test_the_row_describes_the_file_exactly(ada: Person, length: int) -> None:
    file = seal(ada.keyset, ada.object(), plaintext_of(length))
    assert file.sealed.header == file.ciphertext[:40]
    assert file.sealed.plaintext_length == length
    assert file.sealed.ciphertext_length == len(file.ciphertext) == ciphertext_length(length)
    assert file.sealed.sha256 == hashlib.sha256(file.plaintext).digest()
    assert file.sealed.ciphertext_sha256 == hashlib.sha256(file.ciphertext).digest()


def test_tink_opens_a_wrapped_spool_key(master: MasterKey, ada: Person) -> None:
    wrapped = ada.keyset.wrap_small(b"k" * 32, b"segment 7")
    assert tink_decrypted(master, ada, wrapped, b"tp1-small|segment 7") == b"k" * 32


def test_tink_refuses_the_vaults_file_under_another_identity(master: MasterKey, ada: Person) -> None:
    file = seal(ada.keyset, ada.object(), b"said in confidence")
    with pytest.raises(tink.TinkError):
        tink_decrypted(master, ada, file.ciphertext, ada.object().associated_data())


@settings(max_examples=30, deadline=None)
@given(length=st.integers(0, FIVE_SEGMENTS), data=st.data())
def test_any_range_of_tinks_file_is_that_range_of_the_plaintext(
    master: MasterKey, ada: Person, length: int, data: st.DataObject
) -> None:
    identity, plaintext = ada.object(), plaintext_of(length)
    ciphertext = tink_encrypted(master, ada, plaintext, identity.associated_data())
    reader = SeekableReader(
        io.BytesIO(ciphertext),
        ada.keyset,
        identity,
        expected_length=length,
        expected_header=ciphertext[:40],
    )
    for _ in range(5):
        start = data.draw(st.integers(0, length))
        stop = data.draw(st.integers(start, length))
        assert reader.read_range(start, stop) == plaintext[start:stop]
