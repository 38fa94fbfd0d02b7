"""HTTP and sockets. What one request may hold in memory is bounded before Django sees it."""

import os
from concurrent.futures import ThreadPoolExecutor

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telehealth.settings")
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  needs the apps loaded
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from channels.sessions import SessionMiddlewareStack  # noqa: E402
from django.conf import settings  # noqa: E402

from consultations.routing import websocket_urlpatterns  # noqa: E402
from telehealth.body_limit import BodyLimit  # noqa: E402
from telehealth.checks import refuse_unsafe_start  # noqa: E402
from telehealth.warm import warm_up  # noqa: E402

# The server imports this inside its event loop, where Django allows no database access.
with ThreadPoolExecutor(1) as own_thread:
    own_thread.submit(refuse_unsafe_start).result()
    own_thread.submit(warm_up).result()
application = ProtocolTypeRouter(
    {
        "http": BodyLimit(django_application, settings.REQUEST_BODY_LIMIT_BYTES),
        "websocket": AllowedHostsOriginValidator(SessionMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
