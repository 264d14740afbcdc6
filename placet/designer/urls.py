"""Addresses of the pages of processes."""

from django.urls import path

from placet.designer import case_views, history_views, replay_views, text_views, try_views, views

app_name = "designer"
urlpatterns = [
    path("", views.processes, name="processes"),
    path("<slug:key>/", views.process, name="process"),
    # --- the draft: its cards, its text, its history
    path("<slug:key>/text/", text_views.text, name="text"),
    path("<slug:key>/history/", history_views.history, name="history"),
    path("<slug:key>/history/compare/", history_views.compare, name="compare"),
    path("<slug:key>/history/back/", history_views.go_back, name="go_back"),
    path("<slug:key>/history/undo/", history_views.undo_change, name="undo"),
    path("<slug:key>/history/redo/", history_views.redo_change, name="redo"),
    # --- trying it
    path("try/people/", try_views.try_people, name="try_people"),
    path("<slug:key>/try/", try_views.try_process, name="try"),
    path("<slug:key>/try/mail/", try_views.try_mail, name="try_mail"),
    path("<slug:key>/cases/", case_views.test_cases, name="cases"),
    path("<slug:key>/replay/", replay_views.replay_draft, name="replay"),
]
