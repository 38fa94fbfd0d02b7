"""The address of a service that speaks AWS's protocols."""

from urllib.parse import urlsplit


def is_endpoint(url: str) -> bool:
    """Tell whether a URL names a service and nothing else: no credentials, no query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_bare = "@" not in parts.netloc and not parts.query and not parts.fragment
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_bare
