"""What port 17475 serves over HTTPS to endpoints that proved who they are."""

from __future__ import annotations

from django.urls import path

from console.endpoints import views

urlpatterns = [path("certificate/renew", views.renew, name="certificate-renew")]
