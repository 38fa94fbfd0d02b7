from django.urls import path

from consultations import booking_views, waiting_views

app_name = "booking"
urlpatterns = [
    path("", booking_views.times, name="times"),
    path("confirm/", booking_views.confirm, name="confirm"),
    path("done/<uuid:pk>/", booking_views.done, name="done"),
    path("wait/", waiting_views.wait, name="wait"),
    path("offers/<uuid:pk>/", waiting_views.offer, name="offer"),
]
