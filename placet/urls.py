"""Addresses of the pages."""

from django.urls import include, path

from placet.panel.general import logo
from placet.panel.views import healthz

urlpatterns = [
    path("healthz", healthz),
    path("logo", logo, name="logo"),
    path("accounts/", include("placet.portal.account")),
    path("administration/", include("placet.panel.urls")),
    path("", include("placet.portal.urls")),
]
