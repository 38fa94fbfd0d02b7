import copy
import pickle
from pathlib import Path

import pytest
import tink  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from tink import aead, secret_key_access, streaming_aead
from tink.proto import (  # type: ignore[import-untyped]
    aes_gcm_hkdf_streaming_pb2,
    common_pb2,
    tink_pb2,
)

from recordings.vault import (
    KeyRefused,
    MasterKey,
    NotThisObject,
    VaultError,
    new_wrapped_keyset,
    rewrap,
    unwrap,
)
from recordings.vault.identity import keyset_associated_data

from .conftest import Person, make_master
from .samples import plaintext_of, seal


def tink_keyset(master: MasterKey, person: Person, version: int = 1) -> tink_pb2.Keyset:
    """The keyset as Tink alone reads it; the associated data is spelled out on purpose."""
    bound = b"tp1-keyset|" + person.patient.bytes + version.to_bytes(4, "big")
    handle = tink.proto_keyset_format.parse_encrypted(person.wrapped, master.aead, bound)
    return tink_pb2.Keyset.FromString(tink.proto_keyset_format.serialize(handle, secret_key_access.TOKEN))


def wrapped_by_hand(master: MasterKey, person: Person, keyset: tink_pb2.Keyset) -> bytes:
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    bound = keyset_associated_data(person.patient, 1)
    return bytes(tink.proto_keyset_format.serialize_encrypted(handle, master.aead, bound))


def test_a_new_keyset_is_one_streaming_key_with_the_vaults_parameters(master: MasterKey, ada: Person) -> None:
    [key] = tink_keyset(master, ada).key
    material = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey.FromString(key.key_data.value)
    assert key.output_prefix_type == tink_pb2.RAW
    assert len(material.key_value) == 32
    assert material.params.derived_key_size == 32
    assert material.params.hkdf_hash_type == common_pb2.SHA256
    assert material.params.ciphertext_segment_size == 262_144


def test_two_keysets_of_one_patient_differ(master: MasterKey, ada: Person) -> None:
    other = unwrap(master, new_wrapped_keyset(master, ada.patient, 1), ada.patient, 1)
    file = seal(ada.keyset, ada.object(), b"said in confidence")
    with pytest.raises(NotThisObject):
        other.unwrap_small(ada.keyset.wrap_small(b"key", b"segment"), b"segment")
    assert file.open().read_range(0, 4) == b"said"


def test_bens_wrapped_keyset_in_adas_row_is_refused(master: MasterKey, ada: Person, ben: Person) -> None:
    with pytest.raises(KeyRefused):
        unwrap(master, ben.wrapped, ada.patient, 1)
    assert unwrap(master, ben.wrapped, ben.patient, 1).version == 1


def test_an_old_keyset_in_the_row_of_a_newer_version_is_refused(master: MasterKey, ada: Person) -> None:
    with pytest.raises(KeyRefused):
        unwrap(master, ada.wrapped, ada.patient, 2)


def test_a_keyset_wrapped_by_an_attackers_master_key_is_refused(tmp_path: Path, master: MasterKey, ada: Person) -> None:
    forged = new_wrapped_keyset(make_master(tmp_path), ada.patient, 1)
    with pytest.raises(KeyRefused):
        unwrap(master, forged, ada.patient, 1)


def test_every_flipped_byte_of_the_wrapped_key_material_is_refused(master: MasterKey, ada: Person) -> None:
    sealed = tink_pb2.EncryptedKeyset.FromString(ada.wrapped).encrypted_keyset
    start = ada.wrapped.index(sealed)
    for position in range(start, start + len(sealed)):
        changed = bytearray(ada.wrapped)
        changed[position] ^= 1
        with pytest.raises(KeyRefused):
            unwrap(master, bytes(changed), ada.patient, 1)


@given(garbage=st.binary(max_size=300))
def test_garbage_in_the_row_is_refused_as_a_fact(master: MasterKey, ada: Person, garbage: bytes) -> None:
    with pytest.raises(KeyRefused):
        unwrap(master, garbage, ada.patient, 1)


def test_a_keyset_unwraps_from_what_a_database_column_returns(master: MasterKey, ada: Person) -> None:
    wrapped = ada.keyset.wrap_small(b"key", b"segment")
    again = unwrap(master, memoryview(ada.wrapped), ada.patient, 1)
    assert again.unwrap_small(memoryview(wrapped), b"segment") == b"key"


def test_a_keyset_of_two_keys_is_refused(master: MasterKey, ada: Person) -> None:
    keyset = tink_keyset(master, ada)
    second = keyset.key.add()
    second.CopyFrom(keyset.key[0])
    second.key_id += 1
    with pytest.raises(KeyRefused):
        unwrap(master, wrapped_by_hand(master, ada, keyset), ada.patient, 1)


def test_a_keyset_of_another_kind_is_refused(master: MasterKey, ada: Person) -> None:
    aead.register()
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    serialized = tink.proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    keyset = tink_pb2.Keyset.FromString(serialized)
    with pytest.raises(KeyRefused):
        unwrap(master, wrapped_by_hand(master, ada, keyset), ada.patient, 1)


def test_a_keyset_whose_files_would_carry_a_key_id_is_refused(master: MasterKey, ada: Person) -> None:
    keyset = tink_keyset(master, ada)
    keyset.key[0].output_prefix_type = tink_pb2.TINK
    with pytest.raises(KeyRefused):
        unwrap(master, wrapped_by_hand(master, ada, keyset), ada.patient, 1)


def test_a_keyset_with_other_segments_is_refused(master: MasterKey, ada: Person) -> None:
    streaming_aead.register()
    template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    serialized = tink.proto_keyset_format.serialize(tink.new_keyset_handle(template), secret_key_access.TOKEN)
    wrapped = wrapped_by_hand(master, ada, tink_pb2.Keyset.FromString(serialized))
    with pytest.raises(KeyRefused):
        unwrap(master, wrapped, ada.patient, 1)
    with pytest.raises(KeyRefused):
        rewrap(master, master, wrapped, ada.patient, 1)


def test_rewrapping_leaves_objects_readable_and_the_old_master_key_useless(
    tmp_path: Path, master: MasterKey, ada: Person
) -> None:
    new_master = make_master(tmp_path)
    file = seal(ada.keyset, ada.object(), plaintext_of(1_000))
    again = rewrap(master, new_master, ada.wrapped, ada.patient, 1)
    with pytest.raises(KeyRefused):
        unwrap(master, again, ada.patient, 1)
    keyset = unwrap(new_master, again, ada.patient, 1)
    assert keyset.unwrap_small(ada.keyset.wrap_small(b"k", b""), b"") == b"k"
    assert file.open().read_range(0, 1_000) == file.plaintext


def test_rewrapping_refuses_bens_keyset_in_adas_row(
    tmp_path: Path, master: MasterKey, ada: Person, ben: Person
) -> None:
    with pytest.raises(KeyRefused):
        rewrap(master, make_master(tmp_path), ben.wrapped, ada.patient, 1)


def test_a_spool_key_comes_back_only_with_its_keyset_and_associated_data(ada: Person, ben: Person) -> None:
    spool_key = plaintext_of(32)
    wrapped = ada.keyset.wrap_small(spool_key, b"segment 7")
    assert len(wrapped) == 32 + 56
    assert spool_key not in wrapped
    assert ada.keyset.unwrap_small(wrapped, b"segment 7") == spool_key
    for keyset, bound in ((ben.keyset, b"segment 7"), (ada.keyset, b"segment 8")):
        with pytest.raises(NotThisObject):
            keyset.unwrap_small(wrapped, bound)


def test_every_change_of_a_wrapped_spool_key_is_refused(ada: Person) -> None:
    wrapped = ada.keyset.wrap_small(plaintext_of(32), b"segment")
    flips = [wrapped[:n] + bytes([wrapped[n] ^ 1]) + wrapped[n + 1 :] for n in range(len(wrapped))]
    cuts = [wrapped[:n] for n in range(len(wrapped))]
    for changed in [*flips, *cuts, wrapped + b"\0"]:
        with pytest.raises(NotThisObject):
            ada.keyset.unwrap_small(changed, b"segment")


def test_a_wrapped_secret_cannot_be_passed_off_as_an_object(ada: Person) -> None:
    identity = ada.object()
    file = seal(ada.keyset, identity, b"secret")
    small = ada.keyset.wrap_small(b"secret", identity.associated_data())
    with pytest.raises(VaultError):
        ada.keyset.unwrap_small(file.ciphertext, identity.associated_data())
    with pytest.raises(VaultError):
        file.with_bytes(file.ciphertext[:40] + small[40:]).open()


def test_a_large_secret_is_refused_rather_than_cut(ada: Person) -> None:
    with pytest.raises(ValueError, match="too large"):
        ada.keyset.wrap_small(bytes(262_144), b"")


def test_a_keyset_shows_no_material_and_no_patient_and_is_not_copied(ada: Person) -> None:
    material = ada.keyset._material
    shown = repr(ada.keyset) + str(ada.keyset) + f"{ada.keyset}"
    assert material.hex() not in shown
    assert repr(material) not in shown
    assert str(ada.patient) not in shown
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            duplicate(ada.keyset)
    with pytest.raises(TypeError):
        vars(ada.keyset)


@pytest.mark.parametrize("patient", ["3f2b8c1e-5a4d-4e6f-9b70-1c2d3e4f5a6b", "../x", None])
def test_a_patient_that_is_no_uuid_gets_no_keyset(master: MasterKey, patient: object) -> None:
    with pytest.raises(TypeError):
        new_wrapped_keyset(master, patient, 1)  # type: ignore[arg-type]
