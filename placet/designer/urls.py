"""Addresses of the pages of processes."""

from django.urls import path

from placet.designer import views

app_name = "designer"
urlpatterns = [
    path("", views.processes, name="processes"),
    path("<slug:key>/", views.process, name="process"),
    # --- the draft: its cards, its text, its history
    # --- trying it
]
