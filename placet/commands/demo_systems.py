"""The chapter of `placet demo --once` about other systems: a script asks by API, Bob answers by mail and the callback
arrives; an agent asks and waits; a mail with a PDF starts a request."""

import base64
import hashlib
import hmac
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from placet.accounts.models import Person
    from placet.api.models import Key
    from placet.commands.demo import Story

LOCAL = "127.0.0.1"
LONGEST_WAIT = 30  # seconds of one call
#: What a mail starts: its subject, text and files fill the form, and lines such as “Amount: 1250”.
INVOICE = """
key: invoice
name: Invoice
title: "{supplier}"
form:
  - {name: supplier, label: Supplier, type: text, required: true}
  - {name: amount, label: Amount, type: money, currency: EUR, required: true}
  - {name: note, label: Note, type: long_text}
  - {name: papers, label: Papers, type: files, required: true}
start_by_mail: {subject: supplier, text: note, attachments: [papers]}
start: manager
steps:
  manager: {kind: approval, name: Manager, ask: [{manager: true}], rule: first}
  approved: {kind: end, name: Approved, result: approved}
  rejected: {kind: end, name: Rejected, result: rejected}
transitions:
  - {from: manager, outcome: approve, to: approved}
  - {from: manager, outcome: reject, to: rejected}
"""
AMOUNT = {"minor": 480_00, "currency": "EUR"}
PDF = b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"


def play(story: "Story", url: str) -> None:
    """`url`: of Placet."""
    from placet.api import keys

    key, text = keys.make(
        story.people["alice"], "The demo's script", ["requests:read", "requests:write"], by=None
    )
    story.say("Alice", f"has a key for her script: {text[:12]}…")
    with _receiver() as receiver:
        _ask_by_api(story, url, text, key, receiver)
    _ask_by_agent(story, url, text)
    _start_by_mail(story)


# --- a script ---------------------------------------------------------------------------------------------


@dataclass
class Receiver:
    """Takes what Placet sends to other systems."""

    url: str = ""
    deliveries: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    def is_signed(self, secret: str) -> bool:
        """Whether each delivery has a signature by this secret, reckoned as Standard Webhooks 1.0.0 says."""
        signing = base64.b64decode(secret.removeprefix("whsec_"))
        for headers, body in self.deliveries:
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            digest = hmac.new(signing, signed, hashlib.sha256).digest()
            if f"v1,{base64.b64encode(digest).decode()}" not in headers["webhook-signature"].split():
                return False
        return bool(self.deliveries)

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _headers, body in self.deliveries]


@contextmanager
def _receiver() -> Iterator[Receiver]:
    """On a port of this machine, which Placet may call meanwhile."""
    from placet.accounts.models import Installation

    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.deliveries.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """The story says what came."""

    server = ThreadingHTTPServer((LOCAL, 0), Handler)
    target = f"{LOCAL}:{server.server_port}"
    receiver.url = f"http://{target}/"
    Installation.objects.filter(id=1).update(private_targets=[target])
    threading.Thread(target=server.serve_forever, name="receiver", daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        Installation.objects.filter(id=1).update(private_targets=[])


def _ask_by_api(story: "Story", url: str, text: str, key: "Key", receiver: Receiver) -> None:
    domain = story.sandbox.tenant.domain
    body = {
        "title": "Deploy 4.2",
        "facts": [{"label": "Version", "value": "4.2.0"}, {"label": "Window", "value": "tonight"}],
        "to": [f"bob@{domain}"],
        "callback": {"url": receiver.url},
    }
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {text}"
        headers = {"Idempotency-Key": "deploy-4.2"}
        asked = session.post(f"{url}/api/v1/approvals", json=body, headers=headers, timeout=LONGEST_WAIT)
        story.check(f"a script asks by API: {asked.status_code} {asked.reason}", asked.status_code == 201)
        again = session.post(f"{url}/api/v1/approvals", json=body, headers=headers, timeout=LONGEST_WAIT)
        story.check("the same call again is the same request", again.json()["id"] == asked.json()["id"])
        mail = story.mail_to("bob", "Please decide")
        story.reply("bob", mail, "Go ahead, approved.")
        story.mail_to("bob", "Approved")
        address = f"{url}/api/v1/requests/{asked.json()['id']}"
        answer = session.get(address, params={"wait": LONGEST_WAIT}, timeout=2 * LONGEST_WAIT).json()
    story.check(f"the script gets the answer: {answer['result']}", answer["state"] == "ended")
    story.wait("the callback", lambda: "request.ended" in receiver.types())
    secret = key.secrets["signing"]
    story.check("the callback arrives, signed: request.ended", receiver.is_signed(secret))


# --- an agent ---------------------------------------------------------------------------------------------


def _ask_by_agent(story: "Story", url: str, text: str) -> None:
    if find_spec("mcp") is None or find_spec("placet_client") is None:
        story.say("An agent", "is left out: placet[mcp] and placet-client are not installed")
        return
    domain = story.sandbox.tenant.domain
    command = "kubectl delete namespace staging"
    with ThreadPoolExecutor(1) as beside, tempfile.TemporaryDirectory() as folder:
        answer = beside.submit(_agent, url, text, f"bob@{domain}", command, Path(folder) / "messages")
        mail = story.mail_to("bob", "Please decide")
        story.reply("bob", mail, "approved")
        story.mail_to("bob", "Approved")
        decided = answer.result(timeout=3 * LONGEST_WAIT)
    story.check(
        f"an agent asked whether it may run “{command}”, waited, and may go ahead",
        decided["go_ahead"] is True,
    )


def _agent(url: str, key: str, to: str, command: str, messages: Path) -> dict[str, Any]:
    """What an agent does by `placet mcp`, over its standard input and output: ask, and wait. The last answer."""
    import anyio
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters

    exactly = {"command": command}
    asked = {"title": "Remove staging", "to": [to], "exactly": exactly, "idempotency_key": "staging-1"}
    program = StdioServerParameters(
        command=sys.executable,
        args=["-c", "import sys; from placet.cli import main; sys.exit(main(sys.argv[1:]))", "mcp"],
        env={**os.environ, "PLACET_URL": url, "PLACET_KEY": key},
    )

    async def act() -> dict[str, Any]:
        async with Client(program) as client:
            request = (await client.call_tool("request_approval", asked)).structured_content
            assert request is not None
            wait = {"request_id": request["id"], "exactly": exactly, "seconds": LONGEST_WAIT}
            until = time.monotonic() + 2 * LONGEST_WAIT
            while True:
                waited = (await client.call_tool("wait_for_decision", wait)).structured_content
                assert waited is not None
                if waited["go_ahead"] or time.monotonic() > until:
                    return dict(waited)

    return anyio.run(act)


# --- a mail -----------------------------------------------------------------------------------------------


def _start_by_mail(story: "Story") -> None:
    from placet.approvals.models import Request
    from placet.approvals.processes import publish

    publish(INVOICE)
    domain = story.sandbox.tenant.domain
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"Alice Archer <alice@{domain}>"
    mail["To"] = f"approvals+start-invoice@{domain}"
    mail["Subject"] = "Muller Chairs Ltd"
    mail.set_content("For the new desks.\n\nRegards,\nAlice\n")
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename="invoice.pdf")
    story.sandbox.send_as("alice", mail.as_bytes())
    story.say("Alice", "writes to approvals+start-invoice@, with a PDF, and forgets the amount")
    rest = story.mail_to("alice", "Something is missing")
    story.reply("alice", rest, "Amount: 480.00 EUR")
    story.mail_to("alice", "Started")
    request = Request.objects.filter(version__process__key="invoice").first()
    story.check(
        "a request was started by mail, with the PDF", _has_the_invoice(request, story.people["alice"])
    )
    asked = story.mail_to("bob", "Please decide")
    story.reply("bob", asked, "approve")
    story.mail_to("bob", "Approved")


def _has_the_invoice(request: Any, alice: "Person") -> bool:
    if request is None or request.requester_id != alice.pk:
        return False
    return bool(request.data["amount"] == AMOUNT and request.attachments.get().content == PDF)
