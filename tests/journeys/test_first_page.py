"""The first page of a demo, and its faults as the check of a mailbox sees them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

import pytest
from pydantic import SecretStr

from placet.commands.demo_page import REPLY, TO_CONNECT, first_page, limit_application
from placet.mailboxes.base import Check
from placet.mailboxes.microsoft import certificates
from placet.mailboxes.microsoft.protocols import connect
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.oauth import TokenCache
from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.browser import FORM


@pytest.fixture
def demo() -> Iterator[Sandbox]:
    with Sandbox(open_house=True) as running:
        for name in ("approvals", TO_CONNECT, "alice", "bob", "carol"):
            running.add_mailbox(name)
        limit_application(running, "approvals", TO_CONNECT)
        running.tell(first_page(running, "127.0.0.1:8000", "a <password>"))
        yield running


def switch(demo: Sandbox, fault: str, on: str = "on", **headers: str) -> wire.Answer:
    return wire.send(demo, "POST", "/switch", f"fault={fault}&on={on}", {"Content-Type": FORM} | headers)


def checked(demo: Sandbox, name: str, protocol: str = "graph", others: Sequence[str] = ()) -> Check:
    """The step of the check that matters of a mailbox that was entered with the values of the page: the one that
    warns, else the last."""
    page = html.unescape(wire.send(demo, "GET", "/").text)
    values = dict(re.findall(r"<dt>([^<]+)</dt><dd><code>([^<]+)</code>", page))
    settings, _ = ExchangeSettings.parse(
        {
            "protocol": protocol,
            "server_address": values["Server address"],
            "security": values["Security"].lower(),
            "username": f"{name}@{demo.tenant.domain}",
            "client_id": values["Application (client) ID"],
            "scope": values["Scope"],
            "token_uri": values["Access token URI"],
        }
    )
    connection = connect(settings, SecretStr(values["Client secret"]), key=name, cache=TokenCache())
    try:
        steps = list(connection.check(others))
        return next((step for step in steps if step.warning), steps[-1])
    finally:
        connection.close()


def test_the_story_is_told_with_what_is_needed_for_it(demo: Sandbox) -> None:
    page = wire.send(demo, "GET", "/")
    assert "Content-Security-Policy" in page.headers
    assert REPLY in page.text and "a &lt;password&gt;" in page.text
    assert 'href="http://127.0.0.1:8000/start/purchase/"' in page.text
    assert 'name="address" value="bob@contoso.example"' in page.text
    assert "The story" in wire.send(demo, "GET", "/mail/").text
    assert wire.send(demo, "GET", "/elsewhere").status == 404


def test_the_mailbox_is_connected_with_the_values_of_the_page(demo: Sandbox) -> None:
    last = checked(demo, TO_CONNECT)
    assert (last.key, last.ok) == ("cleanup", True)


@pytest.mark.parametrize(
    ("protocol", "fault", "step", "cause"),
    [
        ("graph", "role", "open", "Mail.ReadWrite"),
        ("ews", "role", "open", "The token carries no role either."),
        ("graph", "licence", "open", "no licence"),
        ("ews", "ews", "open", "EWS"),
        ("graph", "expired", "token", "expired"),
    ],
)
def test_a_fault_is_switched_on_seen_by_the_check_and_mended(
    protocol: str, fault: str, step: str, cause: str, demo: Sandbox
) -> None:
    assert switch(demo, fault).headers["Location"] == f"/#fault-{fault}"
    assert '<b class="count bad">on</b>' in wire.send(demo, "GET", "/").text
    broken = checked(demo, TO_CONNECT, protocol)
    assert (broken.key, broken.ok) == (step, False)
    assert cause in f"{broken.cause} {broken.cure}"
    switch(demo, fault, on="")
    assert '<b class="count bad">on</b>' not in wire.send(demo, "GET", "/").text
    assert checked(demo, TO_CONNECT, protocol).ok


def test_rights_in_every_mailbox_are_too_many(demo: Sandbox) -> None:
    alice = f"alice@{demo.tenant.domain}"
    assert not checked(demo, TO_CONNECT, others=[alice]).warning
    switch(demo, "wide")
    warned = checked(demo, TO_CONNECT, others=[alice])
    assert (warned.key, warned.ok, warned.warning) == ("limits", True, True)
    assert alice in f"{warned.found} {warned.cause}"
    switch(demo, "wide", on="")
    assert not checked(demo, TO_CONNECT, others=[alice]).warning


@pytest.mark.parametrize("fault", ["role", "licence", "ews"])
def test_a_fault_leaves_the_mailbox_that_works_alone(fault: str, demo: Sandbox) -> None:
    switch(demo, fault)
    assert checked(demo, "approvals").ok


def upload(demo: Sandbox, content: bytes) -> wire.Answer:
    lines = (
        b'--x\r\nContent-Disposition: form-data; name="certificate"; filename="placet.cer"\r\n',
        b"Content-Type: application/x-x509-ca-cert\r\n\r\n" + content + b"\r\n--x--\r\n",
    )
    return wire.send(
        demo, "POST", "/certificate", b"".join(lines), {"Content-Type": "multipart/form-data; boundary=x"}
    )


def test_the_application_takes_a_certificate_that_is_uploaded(demo: Sandbox) -> None:
    made = certificates.make("Placet", months=12)
    refused = upload(demo, b"no certificate")
    assert refused.status == 422
    assert "This is no certificate" in refused.text
    assert upload(demo, made.pem.encode()).headers["Location"] == "/#certificate"
    assert made.thumbprint in wire.send(demo, "GET", "/").text
    assert [one.thumbprint for one in demo.tenant.certificates] == [made.thumbprint]


def test_faults_are_switched_by_the_page_alone(demo: Sandbox) -> None:
    assert switch(demo, "nothing").status == 404
    assert wire.send(demo, "GET", "/switch?fault=ews&on=on").status == 404
    assert switch(demo, "ews", Origin="https://evil.example").status == 403
    assert not demo.mailbox(TO_CONNECT).ews_blocked
    with Sandbox() as plain:
        assert switch(plain, "ews").status == 404
