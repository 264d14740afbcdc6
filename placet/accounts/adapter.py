"""How django-allauth behaves here."""

from typing import Any
from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix, reverse
from django.utils.translation import gettext_lazy

from placet.accounts import sign_in_limits
from placet.accounts.general import general
from placet.accounts.models import Person
from placet.accounts.reader import as_read_by


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": gettext_lazy("The address or the password is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody makes an account for themselves: administrators add people."""
        return False

    def format_email_subject(self, subject: str) -> str:
        return subject

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In the language of whoever gets the mail, whatever the browser of whoever asked for it speaks."""
        person = context.get("user")
        if isinstance(person, Person):
            with as_read_by(person):
                super().send_mail(template_prefix, email, context)
        else:
            super().send_mail(template_prefix, email, context)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link in the mail. Never from the request: whoever asks for the mail writes its Host header, and
        the link would carry the key to where they say."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        path = path.removeprefix(get_script_prefix()).replace("UID-KEY", quote(key))
        return f"{general().public_url}/{path}"

    # --- signing in: how often, see placet.accounts.sign_in_limits ---

    def get_client_ip(self, request: HttpRequest) -> str:
        return sign_in_limits.client_of(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Called before a password is looked at; django-allauth takes the count back where it was right."""
        self._login_failed_rl_usage = sign_in_limits.count(request, str(credentials.get("email", "")))
        if self._login_failed_rl_usage is None:
            raise self.validation_error("too_many_login_attempts")

    def post_login(self, request: HttpRequest, user: Person, **more: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **more)
        sign_in_limits.remember(request, response, user.email)
        return response

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        sign_in_limits.forget_failures(request, str(credentials.get("email", "")))

    def is_ajax(self, request: HttpRequest) -> bool:
        return False

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Nothing of the credentials is kept or logged; the failure is counted already."""
