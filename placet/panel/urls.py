"""Addresses of Administration."""

from django.urls import include, path
from django.views.generic import RedirectView

from placet.lib.late_views import late
from placet.mailboxes.kinds import page_modules

address_offer = late("placet.panel.address_offer")
alarms = late("placet.panel.alarms")
calendars = late("placet.panel.calendars")
consent = late("placet.panel.consent")
delegations = late("placet.panel.delegations")
diagnostics = late("placet.panel.diagnostics")
general = late("placet.panel.general")
groups = late("placet.panel.groups")
import_people = late("placet.panel.import_people")
keys = late("placet.panel.keys")
kind_guides = late("placet.panel.kind_guides")
mail_log = late("placet.panel.mail_log")
mail_page = late("placet.panel.mail_page")
outgoing = late("placet.panel.outgoing")
people = late("placet.panel.people")
remote_approval = late("placet.panel.remote_approval")
signatures = late("placet.panel.signatures")
stamps = late("placet.panel.stamps")
table_drafts = late("placet.panel.table_drafts")
tables = late("placet.panel.tables")
try_reply = late("placet.panel.try_reply")
views = late("placet.panel.views")
webhooks = late("placet.panel.webhooks")

app_name = "panel"
urlpatterns = [
    path("", views.home, name="home"),
    # --- the Configuration Panel
    path("configuration/", RedirectView.as_view(pattern_name="panel:general"), name="configuration"),
    path("configuration/general/", general.general, name="general"),
    path("configuration/general/logo.png", general.square_logo, name="square_logo"),
    path("configuration/remote-approval/", remote_approval.remote_approval, name="remote_approval"),
    path("configuration/remote-approval/<int:pk>/", remote_approval.remote_approval, name="mailbox"),
    path("configuration/remote-approval/<int:pk>/check/", remote_approval.check, name="check"),
    path("configuration/remote-approval/<int:pk>/activate/", remote_approval.activate, name="activate"),
    path("configuration/remote-approval/<int:pk>/remove/", remote_approval.remove, name="remove_mailbox"),
    path("configuration/remote-approval/<int:pk>/consent/", consent.sign_in, name="consent"),
    path("configuration/remote-approval/consent/<str:server>/", consent.answer, name="consent_answer"),
    path("configuration/remote-approval/<int:pk>/stamps/", stamps.stamps, name="stamps"),
    path("configuration/remote-approval/new/", remote_approval.new_mailbox, name="new_mailbox"),
    path("configuration/remote-approval/fields/", remote_approval.check_fields, name="check_fields"),
    path("configuration/remote-approval/kind/", remote_approval.mailbox_kind, name="mailbox_kind"),
    path("configuration/remote-approval/address/", remote_approval.look_up_mailbox, name="look_up_mailbox"),
    path("configuration/remote-approval/proposal/", remote_approval.use_proposal, name="use_proposal"),
    path("configuration/guide/for/<slug:key>/", kind_guides.guide_of_kind, name="guide_of_kind"),
    *(path("", include(module)) for module in page_modules()),
    path("configuration/guide/", kind_guides.first_guide, name="guide"),
    path("configuration/calendars/", calendars.calendars, name="calendars"),
    path("configuration/calendars/new/", calendars.new, name="new_calendar"),
    path("configuration/calendars/<int:pk>/", calendars.calendar, name="calendar"),
    path("configuration/calendars/<int:pk>/edit/", calendars.edit, name="edit_calendar"),
    path("configuration/calendars/<int:pk>/days/", calendars.calendar_days, name="calendar_days"),
    path("configuration/calendars/<int:pk>/delete/", calendars.delete, name="delete_calendar"),
    path("configuration/signatures/", signatures.signatures, name="signatures"),
    path("configuration/alarms/", alarms.alarms, name="alarms"),
    path("configuration/alarms/test/", alarms.test_webhook, name="test_webhook"),
    path("configuration/diagnostics/", diagnostics.diagnostics, name="diagnostics"),
    path("configuration/diagnostics/support/", diagnostics.support_file, name="support_file"),
    # --- the mail log
    path("mail/", mail_log.incoming, name="incoming"),
    path("mail/<int:pk>/", mail_page.incoming_mail, name="incoming_mail"),
    path("mail/looked-at/", mail_log.all_looked_at, name="all_looked_at"),
    path("mail/marks/try-again/", mail_log.marks_again, name="marks_again"),
    path("mail/<int:pk>/looked-at/", mail_page.looked_at, name="looked_at"),
    path("mail/<int:pk>/html/", mail_page.mail_html, name="mail_html"),
    path("mail/<int:pk>/attachments/<int:number>/", mail_page.attachment, name="attachment"),
    path("mail/<int:pk>/raw/", mail_page.raw, name="raw"),
    path("mail/<int:pk>/handle-again/", mail_page.handle_again, name="handle_again"),
    path("mail/<int:pk>/offer-address/", address_offer.offer_address, name="offer_address"),
    path("mail/outgoing/", outgoing.outgoing, name="outgoing"),
    path("mail/outgoing/<int:pk>/", outgoing.outgoing_mail, name="outgoing_mail"),
    path("mail/outgoing/<int:pk>/html/", outgoing.outgoing_html, name="outgoing_html"),
    path("mail/outgoing/<int:pk>/send-again/", outgoing.send_again, name="send_again"),
    path("mail/try/", try_reply.try_reply, name="try_reply"),
    # --- people and groups
    path("people/", people.people, name="people"),
    path("people/add/", people.add, name="add_person"),
    path("people/suggest/", people.suggest, name="suggest_people"),
    path("people/import/", import_people.import_people, name="import_people"),
    path("people/import/<str:token>/", import_people.preview, name="import_preview"),
    path("people/template.csv", import_people.template, name="people_template"),
    path("people/people.csv", import_people.export, name="export_people"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/delegates/", delegations.delegates, name="delegates"),
    path("people/<int:pk>/delegates/<int:number>/end/", delegations.end, name="end_delegation"),
    path("people/<int:pk>/addresses/", people.addresses, name="addresses"),
    path("people/<int:pk>/password/", people.password, name="password"),
    path("people/<int:pk>/deactivate/", people.deactivate, name="deactivate"),
    path("people/<int:pk>/reactivate/", people.reactivate, name="reactivate"),
    path("groups/", groups.groups, name="groups"),
    path("groups/<int:pk>/", groups.group, name="group"),
    path("groups/<int:pk>/rename/", groups.rename, name="rename_group"),
    path("groups/<int:pk>/delete/", groups.delete, name="delete_group"),
    # --- keys of the API
    path("keys/", keys.keys, name="keys"),
    path("keys/new/", keys.new_key, name="new_key"),
    path("keys/<int:pk>/rotate/", keys.rotate_key, name="rotate_key"),
    path("keys/<int:pk>/revoke/", keys.revoke_key, name="revoke_key"),
    # --- webhooks
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/callbacks/", webhooks.replay_callback, name="replay_callback"),
    path("webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path("webhooks/<int:pk>/edit/", webhooks.edit, name="edit_webhook"),
    path("webhooks/<int:pk>/test/", webhooks.test, name="try_webhook"),
    path("webhooks/<int:pk>/switch/", webhooks.switch, name="switch_webhook"),
    path("webhooks/<int:pk>/secret/", webhooks.rotate, name="rotate_webhook"),
    path("webhooks/<int:pk>/replay/", webhooks.replay, name="replay_webhook"),
    path("webhooks/<int:pk>/remove/", webhooks.remove, name="remove_webhook"),
    path("webhooks/<int:pk>/deliveries/<int:number>/", webhooks.delivery, name="webhook_delivery"),
    # --- authority tables
    path("tables/", tables.tables, name="tables"),
    path("tables/<int:pk>/", tables.table, name="table"),
    path("tables/<int:pk>/<int:number>.csv", table_drafts.table_file, name="table_file"),
    path("tables/<int:pk>/edit/", table_drafts.edit_table, name="edit_table"),
    path("tables/new/", table_drafts.new_table, name="new_table"),
    path("tables/import/", table_drafts.import_table, name="import_table"),
    path("tables/drafts/<int:pk>/", table_drafts.table_draft, name="table_draft"),
    path("tables/drafts/<int:pk>/review/", table_drafts.review_table, name="review_table"),
    path("tables/drafts/<int:pk>/discard/", table_drafts.discard_table_draft, name="discard_table_draft"),
]
