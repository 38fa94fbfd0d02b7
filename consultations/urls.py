from django.urls import path

from consultations import booking_views, calendar_views, views

app_name = "consultations"
urlpatterns = [
    path("", views.consultation_list, name="list"),
    path("calendar/", calendar_views.manage, name="calendar"),
    path("<uuid:pk>/", views.consultation_detail, name="detail"),
    path("<uuid:pk>/move/", booking_views.move, name="move"),
    path("<uuid:pk>/cancel/", booking_views.cancel, name="cancel"),
    path("<uuid:pk>/calendar.ics", calendar_views.one, name="calendar-file"),
    path("<uuid:pk>/call/", views.call, name="call"),
]
