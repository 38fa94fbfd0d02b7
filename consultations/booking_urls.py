from django.urls import path

from consultations import booking_views

app_name = "booking"
urlpatterns = [
    path("", booking_views.times, name="times"),
    path("confirm/", booking_views.confirm, name="confirm"),
    path("done/<uuid:pk>/", booking_views.done, name="done"),
]
