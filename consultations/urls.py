from django.urls import path

from consultations import views

app_name = "consultations"
urlpatterns = [
    path("", views.consultation_list, name="list"),
    path("<uuid:pk>/", views.consultation_detail, name="detail"),
    path("<uuid:pk>/call/", views.call, name="call"),
]
