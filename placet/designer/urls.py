"""Addresses of the pages of processes."""

from django.urls import path

from placet.designer import (
    card_views,
    case_views,
    form_views,
    history_views,
    publish_views,
    replay_views,
    text_views,
    try_views,
    views,
)

app_name = "designer"
urlpatterns = [
    path("", views.processes, name="processes"),
    path("<slug:key>/", views.process, name="process"),
    # --- the draft: its cards, its text, its history
    path("<slug:key>/design/", card_views.design, name="design"),
    path("<slug:key>/design/people/", card_views.suggest_asked, name="suggest_asked"),
    path("<slug:key>/design/add/", card_views.add_step, name="add_step"),
    path("<slug:key>/design/steps/<slug:step>/", card_views.step, name="step"),
    path("<slug:key>/design/steps/<slug:step>/move/", card_views.move_step, name="move_step"),
    path("<slug:key>/design/form/", form_views.design_form, name="design_form"),
    path("<slug:key>/design/form/add/", form_views.add_part, name="add_part"),
    path("<slug:key>/design/form/<int:number>/", form_views.part, name="form_part"),
    path("<slug:key>/design/form/<int:number>/move/", form_views.move_part, name="move_part"),
    path("<slug:key>/design/settings/", form_views.design_settings, name="design_settings"),
    path("<slug:key>/publish/", publish_views.publish, name="publish"),
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
