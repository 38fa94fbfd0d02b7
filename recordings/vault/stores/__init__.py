"""Where sealed objects are kept: a place computed from ids, never a path someone supplied."""

from .address import open_store
from .contract import Store
from .files import FileStore

__all__ = ["FileStore", "Store", "open_store"]
