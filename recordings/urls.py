from django.urls import path

from recordings import access_views, keeping_views, sharing_views, views
from recordings.media_view import download, media

app_name = "recordings"
urlpatterns = [
    path("", views.recording_list, name="list"),
    path("<uuid:pk>/", views.recording_detail, name="detail"),
    path("<uuid:pk>/media/", media, name="media"),
    path("<uuid:pk>/download/", download, name="download"),
    path("<uuid:pk>/watched/", views.watched, name="watched"),
    path("<uuid:pk>/sharing/", sharing_views.share_recording, name="sharing"),
    path("<uuid:pk>/keeping/", keeping_views.keeping, name="keeping"),
    path("<uuid:pk>/access/", access_views.access, name="access"),
    path("<uuid:pk>/access/<int:line>/report/", access_views.report, name="report_access"),
    path("shares/<uuid:pk>/agree/", sharing_views.agree, name="agree_to_share"),
    path("shares/<uuid:pk>/withdraw/", sharing_views.withdraw, name="withdraw_share"),
    path("of/<uuid:pk>/status/", views.status, name="status"),
]
