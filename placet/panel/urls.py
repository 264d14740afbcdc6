"""Addresses of Administration."""

from django.urls import path

from placet.panel import mail_log, people, try_reply, views

app_name = "panel"
urlpatterns = [
    path("", views.home, name="home"),
    path("remote-approval/", views.remote_approval, name="remote_approval"),
    path("remote-approval/<int:pk>/", views.remote_approval, name="mailbox"),
    path("remote-approval/<int:pk>/check/", views.check, name="check"),
    path("mail/", mail_log.incoming, name="incoming"),
    path("mail/<int:pk>/", mail_log.incoming_mail, name="incoming_mail"),
    path("mail/<int:pk>/raw/", mail_log.raw, name="raw"),
    path("mail/<int:pk>/handle-again/", mail_log.handle_again, name="handle_again"),
    path("mail/outgoing/", mail_log.outgoing, name="outgoing"),
    path("mail/outgoing/<int:pk>/send-again/", mail_log.send_again, name="send_again"),
    path("mail/try/", try_reply.try_reply, name="try_reply"),
    path("people/", people.people, name="people"),
    path("people/add/", people.add, name="add_person"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/deactivate/", people.deactivate, name="deactivate"),
    path("groups/", people.groups, name="groups"),
    path("groups/<int:pk>/", people.group, name="group"),
]
