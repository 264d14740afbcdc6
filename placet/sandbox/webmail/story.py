"""The page that a demo begins with: a story in three steps, what to try next, and a mailbox to connect.

What it says of the product that is tried is given to it; the sandbox itself knows no product.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from placet.sandbox.httpd import Response
from placet.sandbox.webmail import look
from placet.sandbox.webmail.forms import Form
from placet.sandbox.webmail.markup import Html, fill, fill_each
from placet.sandbox.webmail.visit import NotFound

if TYPE_CHECKING:
    from placet.sandbox.server import Sandbox


@dataclass(frozen=True)
class Place:
    """Where a step leads: a mailbox of the sandbox (an address with `@`) or a page elsewhere."""

    label: str
    to: str


@dataclass(frozen=True)
class Step:
    title: str
    text: str
    places: tuple[Place, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """What to type there, by label; each with a button that copies it."""


@dataclass(frozen=True)
class Story:
    title: str
    lead: str
    steps: tuple[Step, ...]
    more: tuple[Step, ...]
    connect: Step
    """How to connect a mailbox; the values of the form follow it."""
    mailbox: str
    """The mailbox that is there to be connected. The faults concern it alone, where they can."""
    brand: tuple[str, str] = ("Sandbox", "demo")
    links: tuple[Place, ...] = ()
    _wrong_secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    _secret_id: str = field(default_factory=lambda: str(uuid4()))

    def page(self, sandbox: Sandbox, wrong: str = "") -> Response:
        """`wrong`: what is to be said of a certificate that was not taken."""
        body = fill(
            '<h1>{}</h1><p class="lead">{}</p><ol class="story">{}</ol>'
            '<h2>Then try</h2><ul class="more">{}</ul>'
            '<h2 id="connect">{}</h2><p class="lead">{}</p>{}<div class="actions">{}</div>{}'
            '<h3>Make it fail</h3><p class="lead">Then <i>Test connection</i> says what is wrong and what to do.</p>'
            '<dl class="values">{}</dl><ul class="switches">{}</ul>'
            '<h3 id="certificate">A certificate instead of the secret</h3><p class="lead">As under <i>Certificates '
            "&amp; secrets</i> of the Entra admin center: the certificate alone, never its key.</p>{}",
            self.title, self.lead,
            look.together(_step(step, Html("h2")) for step in self.steps),
            look.together(_step(step, Html("h3")) for step in self.more),
            self.connect.title, self.connect.text,
            _values(self.connect.values),
            look.together(map(_place, self.connect.places)),
            _values(self._values(sandbox)),
            _rows(self._wrong_values()),
            look.together(self._switch(sandbox, name) for name in FAULTS),
            _certificates(sandbox, wrong),
        )  # fmt: skip
        links = fill_each("", '<a href="{}">{}</a>', ((place.to, place.label) for place in self.links))
        top = fill('<nav aria-label="Demo"><a href="/mail/">All mailboxes</a>{}</nav>', links)
        telling = fill('<div class="telling">{}</div>', body)
        status = 422 if wrong else 200
        return look.page(self.title, telling, top=top, brand=("/", *self.brand), status=status)

    def _values(self, sandbox: Sandbox) -> dict[str, str]:
        return {
            "Server address": sandbox.url.removeprefix("http://"),
            "Security": "None",
            "Username": self.mailbox,
            "Application (client) ID": sandbox.client_id,
            "Client secret": sandbox.client_secret,
            "Scope": sandbox.graph_scope,
            "Access token URI": sandbox.token_url,
            "Directory (tenant) ID": sandbox.tenant_id,
        }

    def _wrong_values(self) -> dict[str, str]:
        return {
            "A wrong client secret": self._wrong_secret,
            "The secret's ID, not its value": self._secret_id,
        }

    # -- certificates ----------------------------------------------------------------------------------------

    def upload(self, sandbox: Sandbox, form: Form) -> Response:
        """Add a certificate to the application, as its administrator does."""
        if not form.files:
            return self.page(sandbox, "Choose the file that you downloaded.")
        try:
            sandbox.add_certificate(form.files[0].content)
        except ValueError as error:
            return self.page(sandbox, f"This is no certificate that the application takes: {error}")
        return look.redirect("/#certificate")

    # -- faults ----------------------------------------------------------------------------------------------

    def _switch(self, sandbox: Sandbox, name: str) -> Html:
        fault = FAULTS[name]
        on = fault.is_on(sandbox, self.mailbox)
        state = Html('<b class="count bad">on</b>') if on else look.NOTHING
        return fill(
            '<li id="fault-{}"><div><strong>{}</strong> {}<br><small>{}</small></div>'
            '<form method="post" action="/switch" class="inline">{}<button>{}<span class="sr">: {}</span></button>'
            "</form></li>",
            name, fault.title, state, fault.told,
            look.hidden({"fault": name, "on": "" if on else "on"}),
            "Mend it" if on else "Break it",
            fault.title,
        )  # fmt: skip

    def switch(self, sandbox: Sandbox, form: Form) -> Response:
        """Switch a fault on or off."""
        name = form.get("fault")
        if name not in FAULTS:
            raise NotFound("There is no such fault.")
        with sandbox.tenant.lock:
            FAULTS[name].set(sandbox, self.mailbox, bool(form.get("on")))
        return look.redirect(f"/#fault-{name}")


@dataclass(frozen=True)
class Fault:
    """Something that an administrator of the tenant did, or forgot."""

    title: str
    told: str
    is_on: Callable[[Sandbox, str], bool]
    set: Callable[[Sandbox, str, bool], None]


def _remove_role(sandbox: Sandbox, mailbox: str, on: bool) -> None:
    """The other mailboxes keep their role assignment."""
    (sandbox.switches.rbac.discard if on else sandbox.switches.rbac.add)(mailbox.lower())


def _consent_to_all(sandbox: Sandbox, mailbox: str, on: bool) -> None:
    sandbox.switches.consented = on
    sandbox.switches.graph_roles = {"Mail.ReadWrite", "Mail.Send"} if on else set()


def _take_licence(sandbox: Sandbox, mailbox: str, on: bool) -> None:
    (sandbox.switches.unlicensed.add if on else sandbox.switches.unlicensed.discard)(mailbox.lower())


def _block_ews(sandbox: Sandbox, mailbox: str, on: bool) -> None:
    sandbox.mailbox(mailbox).ews_blocked = on


def _expire_secret(sandbox: Sandbox, mailbox: str, on: bool) -> None:
    sandbox.switches.secret_expired = on


FAULTS: Mapping[str, Fault] = {
    "role": Fault(
        "The role is missing",
        "The application was given no rights in this mailbox.",
        lambda sandbox, mailbox: mailbox.lower() not in sandbox.switches.rbac,
        _remove_role,
    ),
    "wide": Fault(
        "It can open every mailbox",
        "Its permissions were granted for the whole organisation. Everything works, and that is too much.",
        lambda sandbox, mailbox: sandbox.switches.consented,
        _consent_to_all,
    ),
    "licence": Fault(
        "The mailbox has no licence",
        "Exchange Online does not find it for this application.",
        lambda sandbox, mailbox: mailbox.lower() in sandbox.switches.unlicensed,
        _take_licence,
    ),
    "ews": Fault(
        "EWS is blocked",
        "Exchange Web Services are switched off for this mailbox; Microsoft Graph is not.",
        lambda sandbox, mailbox: sandbox.mailbox(mailbox).ews_blocked,
        _block_ews,
    ),
    "expired": Fault(
        "The secret has expired",
        "Entra ID issues no more tokens. Those that are out stay good for an hour.",
        lambda sandbox, mailbox: sandbox.switches.secret_expired,
        _expire_secret,
    ),
}


def _certificates(sandbox: Sandbox, wrong: str) -> Html:
    rows = fill_each(
        "",
        "<li><div><strong>Uploaded</strong><br><small><code>{}</code></small></div></li>",
        ((certificate.thumbprint,) for certificate in sandbox.tenant.certificates),
    )
    return fill(
        '{}{}<form method="post" action="/certificate" enctype="multipart/form-data"><label>Certificate '
        '<input type="file" name="certificate" accept=".cer,.pem,.crt" required></label>'
        '<div class="actions"><button>Upload</button></div></form>',
        look.wrong(wrong),
        fill('<ul class="switches">{}</ul>', rows) if sandbox.tenant.certificates else look.NOTHING,
    )


# -- pieces ------------------------------------------------------------------------------------------------------


def _step(step: Step, heading: Html) -> Html:
    return fill(
        '<li><{}>{}</{}><p>{}</p>{}<div class="actions">{}</div></li>',
        heading, step.title, heading, step.text,
        _values(step.values),
        look.together(map(_place, step.places)),
    )  # fmt: skip


def _place(place: Place) -> Html:
    if "@" in place.to:
        return look.open_button(place.to, place.label, main=True, tab=True)
    return fill(
        '<a class="button main" href="{}" target="_blank" rel="noopener">{}</a>', place.to, place.label
    )


def _values(values: Mapping[str, str]) -> Html:
    return fill('<dl class="values">{}</dl>', _rows(values)) if values else look.NOTHING


def _rows(values: Mapping[str, str]) -> Html:
    """The buttons come to life by the script; without it a value is selected and copied by hand."""
    return fill_each(
        "",
        '<div><dt>{}</dt><dd><code>{}</code> <button type="button" class="small" data-copy="{}" hidden>Copy<span '
        'class="sr"> {}</span></button></dd></div>',
        ((label, value, value, label) for label, value in values.items()),
    )
