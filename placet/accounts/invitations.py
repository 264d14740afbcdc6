"""Mails with a link to choose a password: for somebody new, and for somebody whom an administrator helps.

The link works once and not for ever: its key is the one of django-allauth for forgotten passwords, which a new
password, a sign-in or another address makes worthless. It is made of the installation's public address.
"""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from placet.accounts.adapter import Adapter
from placet.accounts.general import general
from placet.accounts.models import Person
from placet.accounts.reader import as_read_by

_A_DAY = 24 * 60 * 60


def invite(person: Person, by: Person) -> None:
    """Tell somebody new what Placet is, and how they sign in. Needs a mailbox."""
    _send("invitation", person, by)


def send_password_link(person: Person, by: Person) -> None:
    """Let somebody who was here before choose a new password. Needs a mailbox."""
    _send("password_link", person, by)


def _send(which: str, person: Person, by: Person) -> None:
    said = general()
    with as_read_by(person, said):
        context = {
            "person": person,
            "by": by,
            "organisation": said.organisation,
            "link": _link(person),
            "days": settings.PASSWORD_RESET_TIMEOUT // _A_DAY,
        }
        subject, text = (
            render_to_string(f"account/email/{which}_{part}.txt", context).strip()
            for part in ("subject", "message")
        )
        # Decisions' confirmations go out before a thousand invitations (RFC 2156, Priority).
        EmailMessage(subject, text, to=[person.email], headers={"Priority": "non-urgent"}).send()


def _link(person: Person) -> str:
    key = f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
    return Adapter().get_reset_password_from_key_url(key)
