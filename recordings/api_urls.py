from django.urls import path

from recordings import api

urlpatterns = [
    path("segments/", api.SegmentsView.as_view()),
    path("segments/unfinished/", api.UnfinishedView.as_view()),
    path("segments/<uuid:pk>/", api.SegmentView.as_view()),
    path("segments/<uuid:pk>/close/", api.CloseView.as_view()),
    path("segments/<uuid:pk>/chunks/<int:number>/", api.ChunkView.as_view()),
]
