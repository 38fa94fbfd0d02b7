"""Socket addresses of the consultations app."""

from django.urls import path

from consultations.consumers import CallConsumer

websocket_urlpatterns = [path("ws/consultations/<uuid:pk>/", CallConsumer.as_asgi())]
