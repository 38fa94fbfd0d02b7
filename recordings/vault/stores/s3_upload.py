"""Writing one object of a bucket: it is there completely and for good, or not at all."""

import io
import secrets
from base64 import b64encode
from contextlib import suppress
from hashlib import sha256
from typing import Any

from ..errors import AlreadyStored, VaultError
from .bucket import Bucket, ConditionFailed

PART_BYTES = 16 * 1024 * 1024
_WRITER = "writer"


class Upload(io.RawIOBase):
    """A file to write: small ones go up at once, larger ones in parts, and `finish` makes them an object.

    The service compares every body with the SHA-256 sent along, and answers when it has stored it for good.
    Errors: AlreadyStored, StoreFull, StoreUnavailable.
    """

    def __init__(self, bucket: Bucket, key: str, part_bytes: int) -> None:
        super().__init__()
        self._bucket, self._key, self._part_bytes = bucket, key, part_bytes
        self._buffer = bytearray()
        self._upload_id = ""
        self._parts: list[dict[str, Any]] = []
        self._writer = secrets.token_hex(16)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        taken = memoryview(data).cast("B")[: self._part_bytes - len(self._buffer)]
        self._buffer += taken
        if len(self._buffer) == self._part_bytes:
            self._send_part()
        return len(taken)

    def finish(self) -> None:
        """Make what was written the object, unless there is one."""
        try:
            if self._upload_id:
                self._complete()
            else:
                self._put_whole()
        except ConditionFailed as error:
            # RACE: when the answer to our own first try was lost, the next one meets our own object.
            if not self._is_ours():
                raise AlreadyStored from error

    def abandon(self) -> None:
        """Leave nothing behind; what cannot be removed now is swept later."""
        self._buffer.clear()
        if self._upload_id:
            with suppress(VaultError):
                self._bucket.call("abort_multipart_upload", Key=self._key, UploadId=self._upload_id)

    def _put_whole(self) -> None:
        body = bytes(self._buffer)
        self._bucket.call(
            "put_object",
            Key=self._key,
            Body=body,
            ChecksumSHA256=_checksum(body),
            IfNoneMatch="*",
            Metadata={_WRITER: self._writer},
        )

    def _send_part(self) -> None:
        if not self._upload_id:
            begun = self._bucket.call(
                "create_multipart_upload", Key=self._key, ChecksumAlgorithm="SHA256", Metadata={_WRITER: self._writer}
            )
            self._upload_id = begun["UploadId"]
        body, number = bytes(self._buffer), len(self._parts) + 1
        place = {"Key": self._key, "UploadId": self._upload_id, "PartNumber": number}
        checksum = _checksum(body)
        sent = self._bucket.call("upload_part", Body=body, ChecksumSHA256=checksum, **place)
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum})
        self._buffer.clear()

    def _complete(self) -> None:
        if self._buffer:
            self._send_part()
        self._bucket.call(
            "complete_multipart_upload",
            Key=self._key,
            UploadId=self._upload_id,
            MultipartUpload={"Parts": self._parts},
            IfNoneMatch="*",
        )

    def _is_ours(self) -> bool:
        found = self._bucket.call("head_object", Key=self._key)["Metadata"]
        return secrets.compare_digest(str(found.get(_WRITER, "")), self._writer)


def _checksum(body: bytes) -> str:
    return b64encode(sha256(body).digest()).decode()
