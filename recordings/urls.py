from django.urls import path

from recordings import views
from recordings.media_view import media

app_name = "recordings"
urlpatterns = [
    path("", views.recording_list, name="list"),
    path("<uuid:pk>/", views.recording_detail, name="detail"),
    path("<uuid:pk>/media/", media, name="media"),
    path("<uuid:pk>/watched/", views.watched, name="watched"),
    path("of/<uuid:pk>/status/", views.status, name="status"),
]
