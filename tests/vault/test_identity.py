from uuid import UUID

import pytest

from recordings.vault import ObjectIdentity

PATIENT, RECORDING, OBJECT = (UUID(bytes=bytes([n]) * 16) for n in (1, 2, 3))


def test_associated_data_spells_out_patient_recording_object_and_version() -> None:
    identity = ObjectIdentity(PATIENT, RECORDING, OBJECT, 0x01020304)
    expected = b"tp1|" + b"\1" * 16 + b"\2" * 16 + b"\3" * 16 + b"\1\2\3\4"
    assert identity.associated_data() == expected


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("value", [str(PATIENT), PATIENT.bytes, "../other", None, 7])
def test_an_id_that_is_no_uuid_is_a_type_error(place: int, value: object) -> None:
    ids: list[object] = [PATIENT, RECORDING, OBJECT]
    ids[place] = value
    with pytest.raises(TypeError):
        ObjectIdentity(*ids, version=1)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize("version", [0, -1, 2**32])
def test_a_version_outside_four_bytes_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match="key version"):
        ObjectIdentity(PATIENT, RECORDING, OBJECT, version)


@pytest.mark.parametrize("version", [True, "1", 1.0, None])
def test_a_version_that_is_no_number_is_a_type_error(version: object) -> None:
    with pytest.raises(TypeError):
        ObjectIdentity(PATIENT, RECORDING, OBJECT, version)  # type: ignore[arg-type]
