"""The settings of a mailbox on a JMAP server, and what the search by address fills in."""

from typing import Any

import pytest

from placet.mailboxes.discovery.filling import values_of
from placet.mailboxes.discovery.providers import PROVIDERS
from placet.mailboxes.discovery.weighing import Answers, MailServers, weigh
from placet.mailboxes.jmap.settings import JmapSettings

ENTERED = {"username": "approvals@example.com", "jmap_host": "mail.example.com"}


def settings(**more: Any) -> JmapSettings:
    return JmapSettings.parse({**ENTERED, **more})[0]


def test_what_is_not_entered_is_the_usual() -> None:
    usual = settings()
    assert (usual.base_url, usual.jmap_sign_in, usual.jmap_user) == (
        "https://mail.example.com:443",
        "token",
        "",
    )
    assert settings(jmap_port="8443").base_url == "https://mail.example.com:8443"
    assert settings(jmap_host="127.0.0.1", jmap_security="none").base_url == "http://127.0.0.1:80"
    assert settings(jmap_host="[::1]").base_url == "https://[::1]:443"
    assert settings(jmap_hosts="A.example, b.example a.example").jmap_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        ({"jmap_host": ""}, "jmap_host"),
        ({"jmap_host": "https://mail.example.com/jmap"}, "jmap_host"),
        ({"jmap_host": "a@b.example"}, "jmap_host"),
        ({"jmap_security": "none"}, "jmap_security"),
        ({"jmap_security": "starttls"}, "jmap_security"),
        ({"jmap_port": "0"}, "jmap_port"),
        ({"jmap_sign_in": "oauth-client"}, "jmap_sign_in"),
        ({"jmap_user": "ann:secret"}, "jmap_user"),
        ({"jmap_user": "x" * 300}, "jmap_user"),
        ({"jmap_hosts": "*.example.com"}, "jmap_hosts"),
        ({"jmap_hosts": " ".join(f"a{number}.example" for number in range(11))}, "jmap_hosts"),
        ({"jmap_account": "x" * 256}, "jmap_account"),
        ({"jmap_account": "a\u202eb"}, "jmap_account"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(entered: dict[str, str], field: str) -> None:
    assert list(JmapSettings.look({**ENTERED, **entered}).errors) == [field]


def test_where_the_secret_may_go_is_where_it_was_entered_for() -> None:
    """One more host, or another port, and it is asked for again."""
    places = [
        settings(**more).secret_goes_to("jmap_password")
        for more in (
            {},
            {"jmap_port": "8443"},
            {"jmap_hosts": "x.example"},
            {"jmap_host": "other.example.com"},
        )
    ]
    assert len(set(places)) == len(places)
    assert settings(jmap_user="ann").secret_goes_to("jmap_password") == places[0]


def test_what_is_known_of_fastmail_goes_into_the_form() -> None:
    provider = next(one for one in PROVIDERS if one.name == "Fastmail")
    answers = Answers(
        "a@corp.example",
        "corp.example",
        MailServers((f"in1-smtp.{provider.servers[0]}",)),
        {},
        "",
        [],
        None,
        None,
    )
    proposal = next(one for one in weigh(answers, []).proposals if one.kind == "jmap")
    assert values_of("a@corp.example", proposal) == {
        "kind": "jmap",
        "username": "a@corp.example",
        "jmap_host": "api.fastmail.com",
        "jmap_port": "443",
        "jmap_security": "ssl",
        "jmap_user": "a@corp.example",
        "jmap_sign_in": "token",
        "jmap_hosts": "fastmailusercontent.com",
    }
