"""Addresses of the pages of processes."""

from django.urls import path

from placet.lib.late_views import late

card_views = late("placet.designer.card_views")
case_views = late("placet.designer.case_views")
chats = late("placet.designer.chats")
exporting = late("placet.designer.exporting")
form_views = late("placet.designer.form_views")
history_views = late("placet.designer.history_views")
keeping = late("placet.designer.keeping")
mail_views = late("placet.designer.mail_views")
making = late("placet.designer.making")
publish_views = late("placet.designer.publish_views")
replay_views = late("placet.designer.replay_views")
request_files = late("placet.designer.request_files")
requests = late("placet.designer.requests")
saved_views = late("placet.designer.saved_views")
text_views = late("placet.designer.text_views")
try_views = late("placet.designer.try_views")
views = late("placet.designer.views")

app_name = "designer"
urlpatterns = [
    path("", views.processes, name="processes"),
    # No process has this key: one begins with a letter.
    path("-/new/", making.new, name="new"),
    path("-/new/<slug:name>/", making.template, name="template"),
    path("-/import/", making.import_process, name="import"),
    path("-/requests/", requests.requests, name="requests"),
    path("-/requests/views/", saved_views.save_view, name="save_view"),
    path("-/requests/requests.csv", request_files.csv_file, name="requests_csv"),
    path("-/requests/requests.xlsx", request_files.xlsx_file, name="requests_xlsx"),
    path("-/requests/events.csv", request_files.events_csv, name="events_csv"),
    path("-/requests/events.xes", request_files.events_xes, name="events_xes"),
    path("-/people/", keeping.suggest_people, name="suggest_people"),
    path("<slug:key>/", views.process, name="process"),
    path("<slug:key>/copy/", making.copy, name="copy"),
    path("<slug:key>/owners/", keeping.owners, name="owners"),
    path("<slug:key>/chats/", chats.chats, name="chats"),
    path("<slug:key>/chats/<int:pk>/", chats.chat, name="chat"),
    path("<slug:key>/retire/", keeping.retire, name="retire"),
    path("<slug:key>/bring-back/", keeping.bring_back, name="bring_back"),
    path("<slug:key>/process.yaml", exporting.text_file, name="text_file"),
    path("<slug:key>/form.schema.json", exporting.schema_file, name="schema_file"),
    path("<slug:key>/process.bpmn", exporting.bpmn_file, name="bpmn_file"),
    path("<slug:key>/draft.yaml", exporting.draft_file, name="draft_file"),
    path("<slug:key>/import/", keeping.report, name="report"),
    path("<slug:key>/import.txt", exporting.report_file, name="report_file"),
    path("<slug:key>/discard/", keeping.discard, name="discard"),
    # --- the draft: its cards, its text, its history
    path("<slug:key>/design/", card_views.design, name="design"),
    path("<slug:key>/design/people/", card_views.suggest_asked, name="suggest_asked"),
    path("<slug:key>/design/add/", card_views.add_step, name="add_step"),
    path("<slug:key>/design/steps/<slug:step>/", card_views.step, name="step"),
    path("<slug:key>/design/steps/<slug:step>/move/", card_views.move_step, name="move_step"),
    path("<slug:key>/design/steps/<slug:step>/mail/", mail_views.step_mail, name="step_mail"),
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
    path("<slug:key>/try/", try_views.try_process, name="try"),
    path("<slug:key>/try/mail/", try_views.try_mail, name="try_mail"),
    path("<slug:key>/cases/", case_views.test_cases, name="cases"),
    path("<slug:key>/replay/", replay_views.replay_draft, name="replay"),
]
