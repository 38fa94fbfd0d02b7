from django.urls import path

from notices import views

urlpatterns = [path("", views.choices, name="account_notices")]
