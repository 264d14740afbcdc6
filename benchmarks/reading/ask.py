"""The mail that the replies answer: an ask as Placet sends it, made by its own templates without its database."""

from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from django.template import Context, Engine

from placet.mail import writing
from placet.mail.writing import Link

ADDRESS = "approvals@contoso.example"
NAME = "Placet"
CODE = "k7q2mfx3wz5ta4ub"
APPROVER = "Ann Approver"
APPROVER_ADDRESS = "ann@contoso.example"

_LINK = f"mailto:approvals%2B{CODE}@contoso.example?subject=Re%3A%20Please%20decide&body="
_PAGE = "https://placet.contoso.example/requests/0193a1c2-7d1e-7c4b-9a51-3f1f0f6f2a10/"
_TEMPLATES = Path(writing.__file__).parent.parent / "approvals" / "templates"
# Words of both answers stand in what the requester wrote, as they do in real requests.
_CONTEXT = {
    "marker": "=== Reply above this line ===",
    "heading": "Please decide: Height-adjustable desk",
    "lead": "Alice Requester asks for your decision on purchase request 42.",
    "preview": "Alice Requester asks for your decision: Height-adjustable desk",
    "facts": [
        {"label": "Item:", "text": "Height-adjustable desk", "lines": []},
        {"label": "Amount:", "text": "EUR 900.00", "lines": []},
        {"label": "Approved by the doctor?", "text": "Yes", "lines": []},
        {
            "label": "Reason:",
            "text": "The old one was rejected at the inspection.\nNo, it cannot be repaired.\nPlease approve.",
            "lines": [
                "The old one was rejected at the inspection.",
                "No, it cannot be repaired.",
                "Please approve.",
            ],
        },
    ],
    "approve": Link("Approve", _LINK + "Approve"),
    "reject": Link("Reject", _LINK + "Reject"),
    "page": Link("Open the request in Placet (you will be asked to sign in)", _PAGE),
    "how": "Reply to this mail with “approve” or “reject” on the first line; a comment can follow below it.",
    "by_mail": "yes",
    "code": CODE,
    "reference": "0123456789abcdef",
    "subject": f"Please decide: Height-adjustable desk [#{CODE}]",
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


def ask() -> Ask:
    """The same each time."""
    engine = Engine(dirs=[str(_TEMPLATES), str(writing.HERE.parent)], builtins=["django.templatetags.i18n"])
    text = engine.get_template("mails/ask.txt").render(Context(_CONTEXT))
    markup = engine.from_string(writing.html_source(_TEMPLATES / "mails" / "ask")).render(Context(_CONTEXT))
    subject = str(_CONTEXT["subject"])
    return Ask(subject, text, markup, _raw(subject, text, markup))


def _raw(subject: str, text: str, markup: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{NAME} <{ADDRESS}>"
    message["To"] = f"{APPROVER} <{APPROVER_ADDRESS}>"
    message["Reply-To"] = f"approvals+{CODE}@contoso.example"
    message["Subject"] = subject
    message["Date"] = "Tue, 24 Nov 2026 10:00:00 +0100"
    message["Message-ID"] = "<0123456789abcdef@contoso.example>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(markup, subtype="html", cte="quoted-printable")
    return message.as_bytes()
