"""Addresses of the pages of processes."""

from django.urls import path

from placet.designer import case_views, replay_views, try_views, views

app_name = "designer"
urlpatterns = [
    path("", views.processes, name="processes"),
    path("<slug:key>/", views.process, name="process"),
    # --- the draft: its cards, its text, its history
    # --- trying it
    path("try/people/", try_views.try_people, name="try_people"),
    path("<slug:key>/try/", try_views.try_process, name="try"),
    path("<slug:key>/try/mail/", try_views.try_mail, name="try_mail"),
    path("<slug:key>/cases/", case_views.test_cases, name="cases"),
    path("<slug:key>/replay/", replay_views.replay_draft, name="replay"),
]
