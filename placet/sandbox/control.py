"""The control API: JSON under /sandbox/ by which another process does what `Sandbox` does in its own.

Every call carries `Authorization: Bearer <control password>`. What went wrong is said in `{"error": "…"}`: 401
without the password, 404 for an unknown call, 400 for anything that the call cannot do.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from placet.sandbox import mime, outlook, programs
from placet.sandbox.delivery import AuthResults, Outcome, SendRefused
from placet.sandbox.httpd import Request, Response
from placet.sandbox.mime import Address

if TYPE_CHECKING:
    from placet.sandbox.server import Mail, Sandbox

Arguments = Mapping[str, Any]
_ROLES = ("graph_roles", "rbac_roles")
"""Switches that are sets of names, and not of addresses, whose case does not matter."""


class Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._calls: dict[tuple[str, str], Callable[[Arguments], Any]] = {
            ("GET", "state"): lambda given: self.sandbox.state(),
            ("GET", "counters"): lambda given: dict(self.sandbox.counters),
            ("GET", "mailboxes"): lambda given: self.sandbox.state()["mailboxes"],
            ("POST", "mailboxes"): self._add_mailbox,
            ("GET", "folders"): lambda given: self.sandbox.folders(given["mailbox"]),
            ("GET", "mails"): self._mails,
            ("GET", "mail"): self._mail,
            ("POST", "send"): self._send,
            ("POST", "reply"): self._reply,
            ("POST", "forward"): self._forward,
            ("POST", "deliver"): self._deliver,
            ("POST", "place"): self._place,
            ("POST", "move"): self._move,
            ("POST", "mark-read"): self._mark_read,
            ("POST", "out-of-office"): self._out_of_office,
            ("POST", "on-behalf"): self._on_behalf,
            ("POST", "alias"): lambda given: self.sandbox.make_alias(given["mailbox"], given["primary"]),
            ("POST", "read-receipt"): self._read_receipt,
            ("POST", "meeting-response"): self._meeting_response,
            ("POST", "journal-report"): self._journal_report,
            ("GET", "certificates"): self._certificates,
            ("POST", "certificates"): lambda given: {
                "thumbprint": self.sandbox.add_certificate(given["pem"])
            },
            ("DELETE", "certificates"): lambda given: self.sandbox.remove_certificate(given["thumbprint"]),
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._set_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "switches"): self._switches,
            ("POST", "switches"): self._set_switches,
            ("POST", "expire-tokens"): lambda given: self.sandbox.expire_tokens(),
            ("POST", "lifecycle"): lambda given: self.sandbox.lifecycle(given["event"]),
            ("POST", "expire-subscriptions"): lambda given: self.sandbox.expire_subscriptions(),
            ("POST", "lose-sync-states"): lambda given: self.sandbox.lose_sync_states(),
        }

    def handle(self, request: Request) -> Response:
        kind, _, password = request.header("authorization").partition(" ")
        right = hmac.compare_digest(password.strip().encode(), self.sandbox.control_password.encode())
        if kind.lower() != "bearer" or not right:
            return _json(401, {"error": "The control password is missing or wrong."})
        name = request.path.removeprefix("/sandbox/").strip("/")
        call = self._calls.get((request.method, name))
        if call is None:
            return _json(404, {"error": f"There is no call {request.method} {name}."})
        try:
            answer = call(_arguments(request))
        except KeyError as missing:
            return _json(400, {"error": str(missing.args[0])})
        except SendRefused as refused:
            return _json(400, {"error": str(refused), "code": refused.code})
        except (ValueError, TypeError, AttributeError) as wrong:
            return _json(400, {"error": str(wrong)})
        return _json(200, answer)

    # -- mailboxes and mails ---------------------------------------------------------------------------------

    def _add_mailbox(self, given: Arguments) -> Any:
        mailbox = self.sandbox.add_mailbox(
            given["address"],
            given.get("name", ""),
            password=given.get("password"),
            outside=bool(given.get("outside", False)),
        )
        return {"address": mailbox.address, "name": mailbox.name, "password": mailbox.password}

    def _mails(self, given: Arguments) -> Any:
        return [_short(mail) for mail in self.sandbox.mails(given["mailbox"], given.get("folder", "inbox"))]

    def _mail(self, given: Arguments) -> Any:
        return _whole(self.sandbox.mail(given["mailbox"], given["id"]))

    def _move(self, given: Arguments) -> Any:
        return _short(self.sandbox.move(given["mailbox"], given["id"], given["folder"]))

    def _mark_read(self, given: Arguments) -> None:
        self.sandbox.mark_read(given["mailbox"], given["id"], bool(given.get("is_read", True)))

    def _out_of_office(self, given: Arguments) -> None:
        self.sandbox.set_out_of_office(
            given["mailbox"],
            given.get("text"),
            old_server=bool(given.get("old_server", False)),
            even_if_suppressed=bool(given.get("even_if_suppressed", False)),
        )

    def _on_behalf(self, given: Arguments) -> None:
        self.sandbox.allow_on_behalf(given["owner"], given["delegate"])

    # -- sending ---------------------------------------------------------------------------------------------

    def _send(self, given: Arguments) -> Any:
        return self._outcome(
            self.sandbox.send_as(
                given["mailbox"],
                _raw(given),
                to=given.get("to", ()),
                subject=given.get("subject", ""),
                text=given.get("text", ""),
                html=given.get("html"),
                headers=given.get("headers"),
                recipients=given.get("recipients"),
                voting_response=given.get("voting_response"),
                item_class=given.get("item_class", "IPM.Note"),
            )
        )

    def _reply(self, given: Arguments) -> Any:
        return self._outcome(
            self.sandbox.reply_as(
                given["mailbox"],
                given["id"],
                given["text"],
                program=given.get("program", programs.DEFAULT),
                html=given.get("html"),
                to=given.get("to", ()),
                subject=given.get("subject"),
                voting_response=given.get("voting_response"),
            )
        )

    def _forward(self, given: Arguments) -> Any:
        to = given["to"]
        return self._outcome(
            self.sandbox.forward_as(
                given["mailbox"],
                given["id"],
                [to] if isinstance(to, str) else to,
                given.get("text", ""),
                program=given.get("program", programs.DEFAULT),
                subject=given.get("subject"),
            )
        )

    def _deliver(self, given: Arguments) -> Any:
        raw = _raw(given)
        if raw is None:
            to = given["to"]
            raw = outlook.compose(
                Address(given.get("name", ""), given["from"]),
                [to] if isinstance(to, str) else to,
                given.get("subject", ""),
                given.get("text", ""),
                html=given.get("html"),
                headers=given.get("headers"),
            )
        results = AuthResults(
            given.get("spf", "pass"),
            given.get("dkim", "pass"),
            given.get("dmarc", "pass"),
            given.get("dkim_domain"),
        )
        return self._outcome(
            self.sandbox.deliver(
                raw,
                mail_from=given.get("mail_from"),
                to=given.get("to"),
                results=results,
                junk=bool(given.get("junk", False)),
                sender_tenant_id=given.get("sender_tenant_id"),
                item_class=given.get("item_class", "IPM.Note"),
            )
        )

    def _place(self, given: Arguments) -> Any:
        raw = _raw(given)
        if raw is None:
            raise KeyError("raw")
        return _short(
            self.sandbox.place(
                given["mailbox"],
                raw,
                folder=given.get("folder", "inbox"),
                item_class=given.get("item_class", "IPM.Note"),
                transport_headers=given.get("transport_headers"),
                voting_response=given.get("voting_response"),
            )
        )

    def _read_receipt(self, given: Arguments) -> Any:
        return self._outcome(self.sandbox.read_receipt(given["mailbox"], given["id"]))

    def _meeting_response(self, given: Arguments) -> Any:
        return self._outcome(
            self.sandbox.meeting_response(given["mailbox"], given["to"], given.get("subject", ""))
        )

    def _journal_report(self, given: Arguments) -> Any:
        return _short(self.sandbox.journal_report(given["to"], given["mailbox"], given["id"]))

    def _outcome(self, outcome: Outcome) -> Any:
        return {"delivered": [item.id for item in outcome.items], "refused": outcome.refused}

    def _certificates(self, given: Arguments) -> Any:
        return [
            {"thumbprint": one.thumbprint, "expires": one.not_after.isoformat()}
            for one in self.sandbox.tenant.certificates
        ]

    # -- faults and switches ---------------------------------------------------------------------------------

    def _faults(self, given: Arguments) -> Any:
        on = [asdict(fault) | {"operations": sorted(fault.operations)} for fault in self.sandbox.faults.on()]
        return {"on": on, "struck": dict(self.sandbox.faults.struck)}

    def _set_fault(self, given: Arguments) -> None:
        self.sandbox.faults.set(**given)

    def _clear_faults(self, given: Arguments) -> None:
        self.sandbox.faults.clear(given.get("kind"))

    def _switches(self, given: Arguments) -> Any:
        return {
            name: sorted(value) if isinstance(value, set) else value
            for name, value in asdict(self.sandbox.switches).items()
        }

    def _set_switches(self, given: Arguments) -> Any:
        switches = self.sandbox.switches
        for name, value in given.items():
            if not hasattr(switches, name):
                raise ValueError(f"There is no switch {name}.")
            if isinstance(value, list):
                value = {str(one) if name in _ROLES else str(one).lower() for one in value}
            setattr(switches, name, value)
        return self._switches(given)


def _arguments(request: Request) -> Arguments:
    if request.method != "POST":
        return dict(urllib.parse.parse_qsl(request.query, keep_blank_values=True))
    given = json.loads(request.body or b"{}")
    if not isinstance(given, dict):
        raise ValueError("The body must be a JSON object.")
    return given


def _raw(given: Arguments) -> bytes | None:
    if given.get("raw") is None:
        return None
    try:
        return base64.b64decode(given["raw"], validate=True)
    except binascii.Error:
        raise ValueError("`raw` must be the mail in base64.") from None


def _short(mail: Mail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "mailbox": mail.mailbox,
        "folder": mail.folder,
        "subject": mail.subject,
        "from": mail.sender,
        "to": list(mail.recipients),
        "message_id": mail.message_id,
        "item_class": mail.item_class,
        "is_read": mail.is_read,
        "received": mail.received.isoformat(),
        "voting_response": mail.voting_response,
    }


def _whole(mail: Mail) -> dict[str, Any]:
    content = mime.readable(mail.mime)
    return _short(mail) | {
        "text": content.text,
        "html": content.html,
        "attachments": list(content.attachments),
        "transport_headers": mail.transport_headers,
        "raw": base64.b64encode(mail.mime).decode("ascii"),
    }


def _json(status: int, value: Any) -> Response:
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return Response(status, headers, json.dumps(value).encode())
