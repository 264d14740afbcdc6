"""The mail that the replies answer: an ask as Placet sends it, made by its own templates without its database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.template import Context, Engine
from django.template.base import Template

from placet.mail import mime, writing
from placet.mail.writing import Link, no_links

ADDRESS = "approvals@contoso.example"
NAME = "Placet"
CODE = "k7q2mfx3wz5ta4ub"
APPROVER = "Ann Approver"
APPROVER_ADDRESS = "ann@contoso.example"

_LINK = f"mailto:approvals%2B{CODE}@contoso.example?subject=Re%3A%20Please%20decide&body="
_PAGE = "https://placet.contoso.example/requests/0193a1c2-7d1e-7c4b-9a51-3f1f0f6f2a10/"
_TEMPLATES = Path(writing.__file__).parent.parent / "approvals" / "templates"
INSIDE = "asks for your decision"
TITLE = "Height-adjustable desk"


def fact(label: str, text: str) -> Mapping[str, Any]:
    """A line of the form as our mails show it."""
    text = no_links(text)
    lines = text.splitlines()
    return {"label": label, "text": text, "lines": lines if len(lines) > 1 else []}


# Words of both answers stand in what the requester wrote, as they do in real requests.
FACTS = (
    fact("Item:", TITLE),
    fact("Amount:", "EUR 900.00"),
    fact("Approved by the doctor?", "Yes"),
    fact(
        "Reason:",
        "The old one was rejected at the inspection.\nNo, it cannot be repaired.\nPlease approve.",
    ),
)
_CONTEXT = {
    "marker": "=== Reply above this line ===",
    "lead": "Alice Requester asks for your decision on purchase request 42.",
    "answers": [Link("Approve", _LINK + "Approve", "good"), Link("Reject", _LINK + "Reject", "bad")],
    "pair": "yes",
    "page": Link("Open the request in Placet (you will be asked to sign in)", _PAGE),
    "how": "Reply to this mail with “approve” or “reject” on the first line; a comment can follow below it.",
    "by_mail": "yes",
    "code": CODE,
    "reference": "0123456789abcdef",
}

#: What the requester wrote of it.
ENTERED = (
    "Height-adjustable desk. EUR 900.00. Yes. The old one was rejected at the inspection. No, it cannot be repaired. "
    "Please approve."
)


@dataclass(frozen=True)
class Ask:
    """A mail of ours."""

    subject: str
    text: str
    html: str
    raw: bytes
    inside: str = INSIDE  # what the line says below which an answer inside it stands


def ask(
    title: str = TITLE,
    facts: Sequence[Mapping[str, Any]] = FACTS,
    foot: Sequence[Link] = (),
    asks: Sequence[Mapping[str, str]] = (),
    words: Sequence[str] = (),
) -> Ask:
    """The same each time for the same request. `asks`: questions beside the outcome, each with `title` and `about`;
    `words`: lines of the process's own."""
    subject = f"Please decide: {title} [#{CODE}]"
    context = Context(
        {
            **_CONTEXT,
            "heading": no_links(f"Please decide: {title}"),
            "preview": no_links(f"Alice Requester asks for your decision: {title}"),
            "text": [no_links(line) for line in words],
            "facts": facts,
            "asks": asks,
            "foot": foot,
            "subject": subject,
        }
    )
    text, markup = (template.render(context) for template in _templates())
    return Ask(subject, text, markup, _raw(subject, text, markup))


@cache
def _templates() -> tuple[Template, Template]:
    """Of the text and the HTML."""
    engine = Engine(dirs=[str(_TEMPLATES), str(writing.HERE.parent)], builtins=["django.templatetags.i18n"])
    source = writing.html_source(_TEMPLATES / "mails" / "ask")
    return engine.get_template("mails/ask.txt"), engine.from_string(source)


def _raw(subject: str, text: str, markup: str) -> bytes:
    head = {
        "From": mime.address(NAME, ADDRESS),
        "To": mime.address(APPROVER, APPROVER_ADDRESS),
        "Reply-To": f"approvals+{CODE}@contoso.example",
        "Subject": mime.unstructured("Subject", mime.one_line(subject)),
        "Date": "Tue, 24 Nov 2026 10:00:00 +0100",
        "Message-ID": "<0123456789abcdef@contoso.example>",
        "Auto-Submitted": "auto-generated",
    }
    return mime.composed(head, text, markup, boundary=CODE)
