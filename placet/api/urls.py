"""Addresses below /api/."""

from django.urls import path, re_path

from placet.api import entrance

app_name = "api"
urlpatterns = [
    path("docs", entrance.docs, name="docs"),
    path("problems", entrance.problems, name="problems"),
    path("v1/openapi.json", entrance.openapi, name="openapi"),
    re_path(r"^v1/(?P<path>(?s:.*))$", entrance.entrance, name="call"),
    re_path(r"^(?P<path>(?s:.*))$", entrance.nothing_here, name="nothing_here"),
]
