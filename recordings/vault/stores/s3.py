"""Objects of an S3-compatible bucket: <prefix>/vaults/<vault_id>/<recording>/<object>."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, TypeVar, cast
from uuid import UUID

from ..errors import AlreadyStored, Missing, StoreUnavailable
from ..identity import require_uuid
from .bucket import Bucket, ConditionFailed
from .s3_object import S3Object
from .s3_upload import PART_BYTES, Upload

T = TypeVar("T")


class S3Store:
    """Asks for the rights to get, put, list and delete below its prefix, and to abort uploads there."""

    def __init__(self, bucket: Bucket, *, part_bytes: int = PART_BYTES) -> None:
        """Units: part_bytes, at least 5 MiB, is what an upload holds in memory."""
        self._bucket = bucket
        self._part_bytes = part_bytes

    def put(self, vault_id: UUID, recording: UUID, object: UUID, write: Callable[[BinaryIO], T]) -> T:
        if self.exists(vault_id, recording, object):
            raise AlreadyStored
        upload = Upload(self._bucket, self._key(vault_id, recording, object), self._part_bytes)
        try:
            result = write(cast(BinaryIO, upload))
            upload.finish()
        except BaseException:
            upload.abandon()
            raise
        return result

    def open(self, vault_id: UUID, recording: UUID, object: UUID) -> BinaryIO:
        return cast(BinaryIO, S3Object(self._bucket, self._key(vault_id, recording, object)))

    def exists(self, vault_id: UUID, recording: UUID, object: UUID) -> bool:
        try:
            S3Object(self._bucket, self._key(vault_id, recording, object)).close()
        except Missing:
            return False
        return True

    def delete(self, vault_id: UUID, recording: UUID, object: UUID) -> bool:
        # The service says the same whether or not something was there.
        was_there = self.exists(vault_id, recording, object)
        if was_there:
            self._bucket.call("delete_object", Key=self._key(vault_id, recording, object))
        return was_there

    def delete_recording(self, vault_id: UUID, recording: UUID) -> bool:
        place = self._key(vault_id, recording) + "/"
        found = [page["Contents"] for page in self._bucket.pages("list_objects_v2", Prefix=place) if "Contents" in page]
        for contents in found:
            keys = [{"Key": one["Key"]} for one in contents]
            if self._bucket.call("delete_objects", Delete={"Objects": keys, "Quiet": True}).get("Errors"):
                raise StoreUnavailable
        return self._abort_uploads(place, before=datetime.max.replace(tzinfo=UTC)) > 0 or bool(found)

    def check(self) -> None:
        # Without the right to list, S3 says 403 of what is not there, and nothing could ever be put.
        with suppress(Missing):
            S3Object(self._bucket, self._bucket.key("vaults", "nothing-is-ever-stored-here")).close()

    def sweep(self, older_than_s: float) -> int:
        """Units: older_than_s counts from the beginning of an upload."""
        before = datetime.fromtimestamp(time.time() - older_than_s, UTC)
        return self._abort_uploads(self._bucket.key("vaults/"), before=before)

    def _abort_uploads(self, place: str, *, before: datetime) -> int:
        pages = self._bucket.pages("list_multipart_uploads", Prefix=place)
        stale = [one for page in pages for one in page.get("Uploads", []) if one["Initiated"] <= before]
        return sum(self._abort(upload) for upload in stale)

    def _abort(self, upload: dict[str, Any]) -> bool:
        try:
            self._bucket.call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
        except ConditionFailed:
            return False  # finished or swept meanwhile
        return True

    def _key(self, *ids: UUID) -> str:
        return self._bucket.key("vaults", *(str(require_uuid(value)) for value in ids))
