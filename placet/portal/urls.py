"""Addresses of the pages for everybody."""

from django.urls import path

from placet.portal import (
    clarifying,
    filling,
    giving,
    lists,
    search,
    starting,
    suggesting,
    undoing,
    views,
    waiting,
)

app_name = "portal"
urlpatterns = [
    path("", waiting.home, name="home"),
    path("decide/", waiting.decide_several, name="decide_several"),
    path("start/", starting.start, name="start"),
    path("start/<slug:key>/", starting.start_form, name="start_form"),
    path("start/<slug:key>/discard/", starting.discard_draft, name="discard_draft"),
    path("start/<slug:key>/people/", suggesting.suggest, name="suggest_people"),
    path("start/<slug:key>/options/", suggesting.suggest_options, name="suggest_options"),
    path("files/<uuid:public_id>/", starting.attachment, name="attachment"),
    path("search/", search.search, name="search"),
    path("requests/", lists.mine, name="mine"),
    path("requests/decided/", lists.decided, name="decided"),
    # Mails link here (`placet.approvals.composing.page_of`): this address stays as it is.
    path("requests/<uuid:public_id>/", views.request_page, name="request"),
    path("requests/<uuid:public_id>/decide/", views.decide, name="decide"),
    path("requests/<uuid:public_id>/fill/<int:number>/", filling.fill_in, name="fill_in"),
    path("requests/<uuid:public_id>/ask-back/", clarifying.ask_back, name="ask_back"),
    path("requests/<uuid:public_id>/clarify/", clarifying.answer, name="clarify"),
    # Mails link here, too (`placet.approvals.delegate_mails.give_page_of`).
    path("requests/<uuid:public_id>/give/<int:number>/", giving.give, name="give"),
    path("requests/<uuid:public_id>/give/<int:number>/people/", giving.suggest, name="suggest_to_give"),
    path("requests/<uuid:public_id>/take-back/", giving.take_back, name="take_back"),
    path("back/", giving.back, name="back"),
    path("requests/<uuid:public_id>/undo/<int:number>/", undoing.undo, name="undo"),
    path("requests/<uuid:public_id>/withdraw/", views.withdraw, name="withdraw"),
    path("requests/<uuid:public_id>/start-again/", starting.start_again, name="start_again"),
    path("requests/<uuid:public_id>/send-again/", views.send_again, name="send_again"),
    path("requests/<uuid:public_id>/ask-again/", views.ask_again, name="ask_again"),
    path("requests/<uuid:public_id>/signal/", views.signal, name="signal"),
]
