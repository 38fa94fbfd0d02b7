"""What a web process does once before its first request, so that no page has to wait for it."""

import gc

from django.urls import get_resolver

# Net new objects before the youngest are looked through. A page leaves one to three thousand: it is every few pages,
# and a millisecond; fewer would be several times within a page, more would be one page's five milliseconds.
YOUNG = 5_000


def warm_up() -> None:
    """Load every page's code, and take all that is loaded by now out of what Python's garbage collector walks through.

    Otherwise it stops whatever page is at hand for some 100 ms now and then, to look through what never goes away.
    """
    get_resolver().url_patterns  # noqa: B018  looking at them imports the views and both admin sites
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
