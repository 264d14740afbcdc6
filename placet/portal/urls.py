"""Addresses of the pages for everybody."""

from django.urls import path

from placet.portal import views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("start/", views.start, name="start"),
    path("start/<slug:key>/", views.start_form, name="start_form"),
    path("requests/", views.mine, name="mine"),
    # Mails link here (`placet.approvals.messages.page_of`): this address stays as it is.
    path("requests/<uuid:public_id>/", views.request_page, name="request"),
    path("requests/<uuid:public_id>/decide/", views.decide, name="decide"),
    path("requests/<uuid:public_id>/withdraw/", views.withdraw, name="withdraw"),
    path("requests/<uuid:public_id>/send-again/", views.send_again, name="send_again"),
    path("requests/<uuid:public_id>/ask-again/", views.ask_again, name="ask_again"),
]
