"""To which hosts token and password go: where an administrator said so, whatever the server says of itself."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from placet.mailboxes.base import FixNeeded, Wait
from placet.mailboxes.jmap.client import MOST_REDIRECTS
from placet.mailboxes.jmap.session import Hosts, NotUnderstood, read_session
from tests.mailboxes.conformance.mails import LONG_AGO
from tests.mailboxes.stub import running_stub

from .scripted import ACCOUNT, SECRET, Server, session

HOSTS = Hosts("https://mail.example.com:443", ("content.example.net",))


@pytest.mark.parametrize(
    "url",
    [
        "https://mail.example.com/jmap/",
        "https://MAIL.example.com:443/",
        "https://phl.mail.example.com/x?y=z",
        "https://www.content.example.net/a",
    ],
)
def test_what_was_entered_counts_with_what_lies_below_it(url: str) -> None:
    assert HOSTS.check(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example.com/",
        "https://mail.example.com:8443/",
        "https://mail.example.com.evil.example/",
        "https://evilmail.example.com/",
        "https://example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
    ],
)
def test_any_other_is_named_to_an_administrator(url: str) -> None:
    with pytest.raises(FixNeeded, match="Other hosts of the server") as caught:
        HOSTS.check(url)
    assert caught.value.not_done


def below(host: str) -> bool:
    return any(host == one or host.endswith(f".{one}") for one in ("mail.example.com", "content.example.net"))


PARTS = st.lists(
    st.sampled_from(
        ["https://", "http://", "evil.example", "mail.example.com", ".", "\\", "/", "@", ":", "#", "?", "%2e", "%40",
         "[", "]", "443", "\t", "\n", " ", ";", "\u3002", "ⅿail.example.com", "{accountId}", "{type}"]
    ),
    max_size=9,
)  # fmt: skip


@given(PARTS.map("".join))
@example("https://evil.example\\.mail.example.com/")
@example("https://evil.example\\@mail.example.com/")
@example("https://evil.example/.mail.example.com")
@example("https://mail.example.com@evil.example/")
@example("https://mail.example.com:443@evil.example/")
@example("https://{type}.mail.example.com/")
@example("https://[")
def test_whoever_connects_reads_no_other_host_than_whoever_checked(template: str) -> None:
    value = session(apiUrl=template, downloadUrl="/d/{blobId}", uploadUrl="/u", eventSourceUrl="")
    try:
        read = read_session(value, "https://mail.example.com/.well-known/jmap", HOSTS)
    except (FixNeeded, NotUnderstood):
        return
    parsed = parse_url(read.api)
    assert parsed.scheme == "https"
    assert parsed.auth is None
    assert below(str(parsed.host))


def test_each_address_that_the_session_names_is_looked_at() -> None:
    for name in ("apiUrl", "downloadUrl", "uploadUrl", "eventSourceUrl"):
        with pytest.raises(FixNeeded, match=r"leads to evil\.example,"):
            read_session(
                session(**{name: "https://evil.example/{accountId}"}), "https://mail.example.com/s", HOSTS
            )
        with pytest.raises(NotUnderstood):
            read_session(
                session(**{name: "https://{accountId}.example.com/"}), "https://mail.example.com/s", HOSTS
            )


def test_mails_at_another_host_come_from_there_once_it_is_entered() -> None:
    """As Fastmail has them."""
    download = "https://phl-www.fastmailusercontent.com/jmap/download/{accountId}/{blobId}/{name}?type={type}"
    url = "https://api.fastmail.com/jmap/session"
    with pytest.raises(FixNeeded, match=r"phl-www\.fastmailusercontent\.com"):
        read_session(session(downloadUrl=download), url, Hosts("https://api.fastmail.com:443"))
    hosts = Hosts("https://api.fastmail.com:443", ("fastmailusercontent.com",))
    read = read_session(session(downloadUrl=download), url, hosts)
    assert read.download_url("G1/2?&") == (
        f"https://phl-www.fastmailusercontent.com/jmap/download/{ACCOUNT}/G1%2F2%3F%26/mail.eml?type=message%2Frfc822"
    )


def test_a_redirect_elsewhere_is_not_followed(server: Server) -> None:
    with running_stub() as elsewhere:
        server.leads = f"http://127.0.0.1:{elsewhere.port}/session"
        with pytest.raises(FixNeeded, match=r"leads to http://127\.0\.0\.1"):
            server.connect().changes({}, LONG_AGO, 10)
        assert elsewhere.requests == []
    assert SECRET in server.stub.requests[0].headers["authorization"], "it goes where it was entered for"


def test_a_redirect_at_the_same_server_is(server: Server) -> None:
    server.leads = "/jmap/session"
    assert server.connect().jmap.session().account == ACCOUNT


def test_redirects_have_an_end(server: Server) -> None:
    server.leads = "/.well-known/jmap"
    with pytest.raises(Wait, match="redirects"):
        server.connect().jmap.session()
    assert len(server.stub.requests) == MOST_REDIRECTS + 1
