"""What port 17443 serves to computers without a client certificate."""

from __future__ import annotations

from django.urls import path

from console.endpoints import views

urlpatterns = [
    path("status", views.status, name="status"),
    path("ca.pem", views.authority_certificate, name="authority-certificate"),
    path("enrol", views.enrol, name="enrol"),
    path("install", views.install, name="install"),
    path("bundle", views.bundle, name="bundle"),
]
