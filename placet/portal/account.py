"""Signing in and passwords: the pages of django-allauth that Placet has, and no others.

Nobody signs up, and nobody adds addresses to their own account: an address decides whose answers count, so
administrators enter it.
"""

from typing import Any

from allauth.account import views
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path, re_path

from placet.mailboxes.models import Mailbox
from placet.portal.people import PersonsRequest, signed_in


class PasswordReset(views.PasswordResetView):  # type: ignore[misc]  # allauth has no types
    """By mail, so it needs a mailbox. Without one everybody is told the same, whether they have an account or
    not."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not Mailbox.objects.filter(active=True).exists():
            return render(request, "account/password_reset.html", {"no_mailbox": True})
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer


@signed_in
def account(request: PersonsRequest) -> HttpResponseBase:
    """What somebody chooses for themselves."""
    return render(request, "portal/account.html")


urlpatterns = [
    path("", account, name="account"),
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path("password/reset/", PasswordReset.as_view(), name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
