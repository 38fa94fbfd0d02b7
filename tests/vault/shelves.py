"""A store of either kind, and what lies in it seen from behind."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from recordings.vault import FileStore, Store
from recordings.vault.stores.bucket import Bucket
from recordings.vault.stores.s3 import S3Store
from tests.aws import Aws

Ids = tuple[UUID, UUID, UUID]
SMALLEST_PART = 5 * 1024 * 1024


@dataclass(frozen=True)
class Shelf:
    """`contents` has everything by its name, also what is unfinished where that can be seen."""

    store: Store
    contents: Callable[[], dict[str, bytes]]
    replace: Callable[[str, bytes], object]
    prefix: str = ""

    def name_of(self, ids: Ids) -> str:
        """Return the place of an object, computed without the vault's code."""
        return self.prefix + "/".join(["vaults", *map(str, ids)])


def file_shelf(root: Path) -> Shelf:
    def contents() -> dict[str, bytes]:
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    return Shelf(FileStore(root), contents, lambda name, content: (root / name).write_bytes(content))


def s3_shelf(aws: Aws, *, part_bytes: int = SMALLEST_PART) -> Shelf:
    bucket = Bucket(aws.bucket, "portal", region="eu-west-2", endpoint_url=aws.url)
    return Shelf(S3Store(bucket, part_bytes=part_bytes), aws.contents, aws.replace, prefix="portal/")
