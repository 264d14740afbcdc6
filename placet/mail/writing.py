"""How our mails look: one frame around every kind, a notice for what needs no form of its own, a foot.

A mail is written in the language and zone that are active (`placet.accounts.reader`). MJML is made into HTML first
and filled by Django (which escapes) afterwards, so that nothing that people wrote is ever read as MJML.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mjml
from django.template import Context, Template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

if TYPE_CHECKING:  # what says something of itself is handed in: nothing here needs the database
    from placet.accounts.general import General

COLOURS = {"main": "#0f6a5b", "good": "#1f7a4d", "bad": "#b3372b", "neutral": "#4a5a66"}
HERE = Path(__file__).parent / "templates" / "mails"
# What mail programs know links by: a scheme, www., \\server, and names and addresses, which end in a dot (also
# one of the three that IDNA takes for one, UTS 46) and a letter. 1.250,00 has no letter.
_LINKS = re.compile(
    r":(?=//)|\bwww(?=\.)|\bmailto(?=:)|\\(?=\\)|@|[.\u3002\uff0e\uff61](?=[^\W\d_])", re.IGNORECASE
)


def no_links(text: str) -> str:
    """Mail programs make links of what looks like an address; a zero-width space keeps them from it."""
    return _LINKS.sub("\\g<0>\u200b", text)


@dataclass(frozen=True)
class Link:
    """Something to click. With a `tone`, one of COLOURS, it is a button."""

    label: str
    href: str
    tone: str = ""
    language: str = ""  # of the label, where it is not that of the mail

    @property
    def colour(self) -> str:
        return COLOURS[self.tone]

    @property
    def line(self) -> str:
        """As a line of the text part."""
        return labelled(self.label, self.href) if self.href else self.label


def labelled(label: str, text: str) -> str:
    """A label with what stands behind it; French puts a blank before the colon."""
    return _("{label}: {text}").format(label=label, text=text)


def when(moment: datetime) -> str:
    """A time as the mail's reader reads it."""
    return date_format(
        timezone.localtime(moment), pgettext("a date and a time, in Django's signs", "j F Y, H:i T")
    )


@dataclass(frozen=True)
class Written:
    """The two parts of a mail."""

    text: str
    html: str


@dataclass(frozen=True)
class Notice:
    """A mail that tells something: a heading that says what it is, paragraphs, what somebody wrote, links."""

    heading: str
    paragraphs: Sequence[str]
    quote: str = ""
    links: Sequence[Link] = ()
    footer: str = ""  # below the links; an empty line parts its paragraphs
    spoken: str = ""  # the language of heading and paragraphs, where it is not that of the mail

    def written(self, subject: str, reference: str, said: "General") -> Written:
        """What people wrote into it becomes no link of ours."""
        language = get_language() or ""
        context = {
            "heading": no_links(self.heading),
            "paragraphs": [no_links(paragraph) for paragraph in self.paragraphs],
            "quote": no_links(self.quote),
            "quoted": "\n".join(f"> {line}" for line in no_links(self.quote).splitlines()),
            "buttons": [link for link in self.links if link.tone],
            "links": [link for link in self.links if not link.tone],
            "footer": self.footer.split("\n\n") if self.footer else [],
            "spoken": self.spoken or language,
        }
        return written(HERE / "notice", context, subject, reference, said)


def written(
    template: Path, context: Mapping[str, Any], subject: str, reference: str, said: "General"
) -> Written:
    """Both parts of a mail: the text by `<template>.txt`, the HTML by `<template>.mjml` inside the frame."""
    context = {
        "preview": "",  # Django would log all that a mail is made of, for debugging, if a value were missing
        **context,
        "subject": subject,
        "reference": reference,
        "foot": foot(said),
        "language": get_language() or "",
    }
    text = render_to_string(f"mails/{template.name}.txt", context)
    return Written(text, html_template(template).render(Context(context)))


def foot(said: "General") -> list[Link]:
    """What the organisation says of itself below every mail: what an administrator entered, and nothing else."""
    named = Link(said.organisation or _("Home page"), said.home_url)
    legal = [Link(_("Terms of service"), said.terms_url), Link(_("Privacy statement"), said.privacy_url)]
    own = [named] if said.organisation or said.home_url else []
    return [*own, *(link for link in legal if link.href)]


@cache
def html_template(template: Path) -> Template:
    """Made once."""
    return Template(html_source(template))


def html_source(template: Path) -> str:
    """The HTML of a mail, with Django's tags in it."""
    body = template.with_name(f"{template.name}.mjml").read_text()
    frame = (HERE / "frame.mjml").read_text()
    # fonts: or a font that the styles name would be fetched from a stranger's server whenever a mail is opened.
    return str(mjml.mjml2html(frame.replace("<!-- body -->", body), fonts={}))
