"""Whether the bytes are the patient's own and those that were received. Nobody can accept it if they are not."""

import hashlib
import hmac

from recordings import safe
from recordings.models import Chunk, Recording
from recordings.pipeline.evidence.mismatch import Mismatch
from recordings.vault import Damaged, KeyRefused, Missing, NotThisObject


def read_chunk(chunk: Chunk, recording: Recording) -> bytes:
    """Decrypt one chunk and compare its digest. Errors: Mismatch."""
    try:
        with safe.open_object(chunk, recording.patient.vault_id) as reader:
            body = reader.read_range(0, chunk.byte_length)
    except (Damaged, NotThisObject, KeyRefused, Missing) as error:
        raise Mismatch(f"chunk_{type(error).__name__.lower()}", chunk.segment) from error
    if not hmac.compare_digest(hashlib.sha256(body).digest(), bytes(chunk.sha256)):
        raise Mismatch("chunk_digest", chunk.segment)
    return body
