"""Addresses of Administration."""

from django.urls import path
from django.views.generic import RedirectView

from placet.panel import (
    address_offer,
    diagnostics,
    general,
    groups,
    guide,
    import_people,
    mail_log,
    mail_page,
    outgoing,
    people,
    remote_approval,
    try_reply,
    views,
)

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
    path("configuration/remote-approval/new/", remote_approval.new_mailbox, name="new_mailbox"),
    path("configuration/remote-approval/fields/", remote_approval.check_fields, name="check_fields"),
    path("configuration/remote-approval/from-guide/", remote_approval.from_guide, name="from_guide"),
    path("configuration/guide/", guide.guide, name="guide"),
    path("configuration/guide/client-secret.ics", guide.guide_calendar, name="guide_calendar"),
    path("configuration/guide/<slug:key>/", guide.guide_step, name="guide_step"),
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
    path("people/<int:pk>/addresses/", people.addresses, name="addresses"),
    path("people/<int:pk>/password/", people.password, name="password"),
    path("people/<int:pk>/deactivate/", people.deactivate, name="deactivate"),
    path("people/<int:pk>/reactivate/", people.reactivate, name="reactivate"),
    path("groups/", groups.groups, name="groups"),
    path("groups/<int:pk>/", groups.group, name="group"),
    path("groups/<int:pk>/rename/", groups.rename, name="rename_group"),
    path("groups/<int:pk>/delete/", groups.delete, name="delete_group"),
]
