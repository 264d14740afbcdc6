"""How django-allauth behaves here."""

from typing import Any
from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse

from placet.accounts.general import general
from placet.accounts.models import Person
from placet.accounts.reader import as_read_by


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
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

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """What failed sign-ins are counted by: the person alone. allauth adds the Host header, and each port in it
        would begin a new count."""
        return str(credentials.get("email", "")).lower()

    def is_ajax(self, request: HttpRequest) -> bool:
        return False

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Nothing of the credentials is kept or logged; allauth's rate limit counts the failure."""
