"""The patients' keysets, wrapped by the master key."""

from typing import NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from tink import (
    TinkError,
    new_keyset_handle,
    proto_keyset_format,
    secret_key_access,
    streaming_aead,
)
from tink.proto import (
    aes_gcm_hkdf_streaming_pb2,
    common_pb2,
    tink_pb2,
)

from . import wire
from .errors import KeyRefused, MasterKeyUnusable, NotThisObject
from .identity import ObjectIdentity, Stored, keyset_associated_data, small_associated_data
from .master import MasterKey

streaming_aead.register()

_KEY_TYPE = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"


class PatientKeyset:
    """The key of one patient and version. Its material never leaves this class."""

    __slots__ = ("_material", "patient", "version")

    def __init__(self, patient: UUID, version: int, material: bytes) -> None:
        self.patient = patient
        self.version = version
        self._material = material

    def __repr__(self) -> str:
        return f"<PatientKeyset version {self.version}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        # SECURITY: a pickled keyset would put a patient's key into a broker, a cache or a log.
        raise TypeError("a keyset cannot be pickled or copied")

    def object_cipher(self, header: bytes, identity: ObjectIdentity) -> wire.SegmentCipher:
        """Return the cipher of one object, for this package's writer and reader.

        Errors: NotThisObject when the object belongs to another patient or key version.
        """
        if (identity.patient, identity.version) != (self.patient, self.version):
            raise NotThisObject
        return wire.SegmentCipher(self._material, header, identity.associated_data())

    def wrap_small(self, plaintext: bytes, associated_data: bytes) -> bytes:
        """Encrypt a small secret, such as the key of a spooled segment, as a one-segment stream.

        Shape: 56 bytes longer than the plaintext. Tink opens it with the associated data
        b"tp1-small|" + associated_data.
        """
        if len(plaintext) > wire.FIRST_CAPACITY:
            raise ValueError("too large to be wrapped as a small secret")
        header = wire.new_header()
        cipher = self._small_cipher(header, associated_data)
        return header + cipher.seal(0, plaintext, last=True)

    def unwrap_small(self, wrapped: Stored, associated_data: bytes) -> bytes:
        """Errors: NotThisObject for another patient, key version or associated data, or damage."""
        blob = bytes(wrapped)
        header, sealed = blob[: wire.HEADER_LENGTH], blob[wire.HEADER_LENGTH :]
        if not wire.is_header(header):
            raise NotThisObject
        try:
            return self._small_cipher(header, associated_data).open(0, sealed, last=True)
        except InvalidTag as error:
            raise NotThisObject from error

    def _small_cipher(self, header: bytes, associated_data: bytes) -> wire.SegmentCipher:
        info = small_associated_data(associated_data)
        return wire.SegmentCipher(self._material, header, info)


def new_wrapped_keyset(master: MasterKey, patient: UUID, version: int) -> bytes:
    """Make a patient's keyset and return it wrapped, bound to the patient and the version.

    Shape: a serialized Tink EncryptedKeyset of one AES-GCM-HKDF streaming key.
    """
    handle = new_keyset_handle(_key_template())
    return _wrap(master, handle, keyset_associated_data(patient, version))


def unwrap(master: MasterKey, wrapped: Stored, patient: UUID, version: int) -> PatientKeyset:
    """Errors: KeyRefused when it is not the keyset of this patient and version."""
    handle = _unwrap(master, wrapped, keyset_associated_data(patient, version))
    return PatientKeyset(patient, version, _key_material(handle))


def rewrap(old: MasterKey, new: MasterKey, wrapped: Stored, patient: UUID, version: int) -> bytes:
    """Return the same keyset wrapped by another master key.

    Errors: KeyRefused when the old master key does not open it as this patient's and version's.
    """
    associated_data = keyset_associated_data(patient, version)
    handle = _unwrap(old, wrapped, associated_data)
    _key_material(handle)
    return _wrap(new, handle, associated_data)


def _wrap(master: MasterKey, handle: object, associated_data: bytes) -> bytes:
    try:
        return bytes(proto_keyset_format.serialize_encrypted(handle, master.aead, associated_data))
    except TinkError as error:
        raise MasterKeyUnusable("The master key does not open what it has just sealed.") from error


def _unwrap(master: MasterKey, wrapped: Stored, associated_data: bytes) -> object:
    try:
        handle: object = proto_keyset_format.parse_encrypted(bytes(wrapped), master.aead, associated_data)
    except TinkError as error:
        raise KeyRefused from error
    return handle


def _key_template() -> object:
    key_format = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKeyFormat(key_size=wire.KEY_LENGTH, params=_parameters())
    template: object = tink_pb2.KeyTemplate(
        type_url=_KEY_TYPE,
        value=key_format.SerializeToString(),
        output_prefix_type=tink_pb2.RAW,
    )
    return template


def _parameters() -> object:
    parameters: object = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
        ciphertext_segment_size=wire.SEGMENT_SIZE,
        derived_key_size=wire.KEY_LENGTH,
        hkdf_hash_type=common_pb2.SHA256,
    )
    return parameters


def _key_material(handle: object) -> bytes:
    """Errors: KeyRefused unless it is exactly one enabled key with the vault's parameters."""
    serialized = proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    keys = tink_pb2.Keyset.FromString(serialized).key
    if len(keys) != 1 or keys[0].status != tink_pb2.ENABLED:
        raise KeyRefused
    if keys[0].key_data.type_url != _KEY_TYPE or keys[0].output_prefix_type != tink_pb2.RAW:
        raise KeyRefused
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey.FromString(keys[0].key_data.value)
    if key.params != _parameters() or len(key.key_value) != wire.KEY_LENGTH:
        raise KeyRefused
    return bytes(key.key_value)
