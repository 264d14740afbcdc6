"""Addresses of reports."""

from django.urls import path

from placet.reports import views

app_name = "reports"
urlpatterns = [
    path("", views.home, name="home"),
    *(path(f"{one.key}/", views.report, {"key": one.key}, name=one.key) for one in views.REPORTS),
    path("<slug:key>/<slug:table_key>.csv", views.table, name="table"),
]
