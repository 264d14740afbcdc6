"""Addresses of Administration."""

from django.urls import path
from django.views.generic import RedirectView

from placet.panel import diagnostics, general, guide, mail_log, people, remote_approval, try_reply, views

app_name = "panel"
urlpatterns = [
    path("", views.home, name="home"),
    # --- the Configuration Panel
    path("configuration/", RedirectView.as_view(pattern_name="panel:general"), name="configuration"),
    path("configuration/general/", general.general, name="general"),
    path("configuration/remote-approval/", remote_approval.remote_approval, name="remote_approval"),
    path("configuration/remote-approval/<int:pk>/", remote_approval.remote_approval, name="mailbox"),
    path("configuration/remote-approval/<int:pk>/check/", remote_approval.check, name="check"),
    path("configuration/guide/", guide.guide, name="guide"),
    path("configuration/diagnostics/", diagnostics.diagnostics, name="diagnostics"),
    # --- the mail log
    path("mail/", mail_log.incoming, name="incoming"),
    path("mail/<int:pk>/", mail_log.incoming_mail, name="incoming_mail"),
    path("mail/<int:pk>/raw/", mail_log.raw, name="raw"),
    path("mail/<int:pk>/handle-again/", mail_log.handle_again, name="handle_again"),
    path("mail/outgoing/", mail_log.outgoing, name="outgoing"),
    path("mail/outgoing/<int:pk>/send-again/", mail_log.send_again, name="send_again"),
    path("mail/try/", try_reply.try_reply, name="try_reply"),
    # --- people and groups
    path("people/", people.people, name="people"),
    path("people/add/", people.add, name="add_person"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/deactivate/", people.deactivate, name="deactivate"),
    path("groups/", people.groups, name="groups"),
    path("groups/<int:pk>/", people.group, name="group"),
]
