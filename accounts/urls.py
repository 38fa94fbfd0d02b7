from django.urls import path

from accounts import views

urlpatterns = [
    path("", views.details, name="account"),
    path("devices/", views.device_list, name="account_devices"),
    path("devices/<int:pk>/sign-out/", views.sign_out_device, name="account_sign_out_device"),
    path("devices/sign-out-others/", views.sign_out_others, name="account_sign_out_others"),
]
