"""The web mail, by literal requests."""

from __future__ import annotations

import re
import urllib.parse

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.wire import Answer

FORM = "application/x-www-form-urlencoded"


class Browser:
    """Somebody who is signed in to a mailbox."""

    def __init__(self, sandbox: Sandbox, address: str) -> None:
        self.sandbox = sandbox
        self.cookie = ""
        mailbox = sandbox.mailbox(address)
        answer = self.post("sign-in", address=mailbox.address, password=mailbox.password)
        assert answer.status == 303
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        assert answer.headers["Set-Cookie"].endswith("; Path=/mail; HttpOnly; SameSite=Lax")

    def get(self, page: str = "", **query: str) -> Answer:
        path = f"/mail/{page}?{urllib.parse.urlencode(query)}"
        return wire.send(self.sandbox, "GET", path, headers={"Cookie": self.cookie})

    def post(self, page: str, **form: str) -> Answer:
        headers = {"Cookie": self.cookie, "Content-Type": FORM}
        return wire.send(self.sandbox, "POST", f"/mail/{page}", urllib.parse.urlencode(form), headers)

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("new").text)
        assert found
        return found[1]

    def submit(self, page: str, **form: str) -> Answer:
        """Post a form of the pages and follow to the next page."""
        assert self.post(page, csrf=self.csrf, **form).status == 303
        return self.get("folder")


@pytest.fixture
def ann(sandbox: Sandbox) -> Browser:
    return Browser(sandbox, "ann")


def test_nothing_is_shown_to_who_is_not_signed_in(sandbox: Sandbox) -> None:
    assert 'action="/mail/sign-in"' in wire.send(sandbox, "GET", "/mail/").text
    for page in ("folder", "read?id=x", "new"):
        answer = wire.send(sandbox, "GET", f"/mail/{page}", headers={"Cookie": "sandbox_mail=wrong"})
        assert (answer.status, answer.headers["Location"]) == (303, "/mail/")
    assert wire.send(sandbox, "GET", "/").headers["Location"] == "/mail/"


@pytest.mark.parametrize(
    ("address", "password"), [("ann@contoso.example", "wrong"), ("nobody", ""), ("", "")]
)
def test_a_wrong_password_opens_nothing(address: str, password: str, sandbox: Sandbox) -> None:
    body = urllib.parse.urlencode({"address": address, "password": password})
    answer = wire.send(sandbox, "POST", "/mail/sign-in", body, {"Content-Type": FORM})
    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


def test_pages_run_no_scripts_and_load_nothing_from_elsewhere(ann: Browser) -> None:
    answer = ann.get("folder")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
    assert wire.send(ann.sandbox, "GET", "/mail/style.css").headers["Content-Type"].startswith("text/css")


def test_a_mail_is_read_and_answered(sandbox: Sandbox, ann: Browser) -> None:
    sandbox.send_as("approvals", to="ann@contoso.example", subject="Request <42>", text="Please <answer>")
    mail = sandbox.mails("ann")[0]
    assert "Request &lt;42&gt;" in ann.get("folder").text
    page = ann.get("read", id=mail.id)
    assert "Please &lt;answer&gt;" in page.text
    assert sandbox.mail("ann", mail.id).is_read
    assert "Sent." in ann.submit("reply", id=mail.id, text="Approve").text
    [reply] = sandbox.mails("approvals")
    assert reply.text.startswith("Approve")
    assert "Please <answer>" in reply.text
    assert reply.header("X-MS-Exchange-Organization-AuthAs") == "Internal"


def test_html_is_shown_in_a_sandboxed_frame_and_mailto_links_open_the_form(
    sandbox: Sandbox, ann: Browser
) -> None:
    link = "MAILTO:approvals%2Ba42@contoso.example?subject=Re%3A%20Request&amp;body=Approve%0A%2B1"
    html = f'<p>Hi</p><script>alert(1)</script><a href="{link}">Approve</a><a href="http://placet.example/42">Open</a>'
    sandbox.send_as("approvals", to="ann@contoso.example", subject="x", text="t", html=html)
    mail = sandbox.mails("ann")[0]
    assert '<iframe title="Mail" sandbox="allow-top-' in ann.get("read", id=mail.id).text
    frame = ann.get("html", id=mail.id)
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy and "allow-same-origin" not in policy
    assert '<a href="http://placet.example/42" target="_blank" rel="noopener noreferrer">' in frame.text
    found = re.search(r'href="/mail/new\?mailto=([^"]+)" target="_top"', frame.text)
    assert found
    form = ann.get("new", mailto=urllib.parse.unquote(found[1])).text
    assert 'value="approvals+a42@contoso.example"' in form
    assert 'value="Re: Request"' in form
    assert "Approve\n+1</textarea>" in form


def test_a_new_mail_is_sent_and_what_went_wrong_is_said(sandbox: Sandbox, ann: Browser) -> None:
    page = ann.submit("new", to="approvals@contoso.example; bob@contoso.example", subject="Hi", text="x").text
    assert "Sent." in page
    assert len(sandbox.mails("approvals")) == len(sandbox.mails("bob")) == 1
    assert (
        "nobody is at x@contoso.example"
        in ann.submit("new", to="x@contoso.example", subject="", text="").text
    )
    assert "Not sent: At least one recipient" in ann.submit("new", to="", subject="", text="").text


def test_somebody_outside_sends_as_an_outsider(sandbox: Sandbox) -> None:
    sandbox.add_mailbox("vera@fabrikam.example", outside=True)
    Browser(sandbox, "vera@fabrikam.example").submit("new", to=wire.APPROVALS, subject="Hi", text="x")
    [mail] = sandbox.mails("approvals")
    assert mail.header("X-MS-Exchange-Organization-AuthAs") == "Anonymous"
    assert "dmarc=pass" in (mail.header("Authentication-Results") or "")


def test_out_of_office_is_switched_on_and_off(sandbox: Sandbox, ann: Browser) -> None:
    assert "Automatic replies are on." in ann.submit("out-of-office", text="Away").text
    away = sandbox.mailbox("ann").out_of_office
    assert away is not None and away.text == "Away"
    assert "Away</textarea>" in ann.get("out-of-office").text
    assert "Automatic replies are off." in ann.submit("out-of-office", text=" ").text
    assert sandbox.mailbox("ann").out_of_office is None


def test_a_form_without_its_secret_does_nothing(sandbox: Sandbox, ann: Browser) -> None:
    for secret in ("", "wrong", Browser(sandbox, "bob").csrf):
        answer = ann.post("new", csrf=secret, to=wire.APPROVALS, subject="x", text="x")
        assert answer.status == 403
    assert sandbox.mails("approvals") == []


def test_the_mails_of_others_and_unknown_pages_are_not_found(sandbox: Sandbox, ann: Browser) -> None:
    sandbox.send_as("ann", wire.mail())
    theirs = sandbox.mails("approvals")[0].id
    for page in ("read", "html", "reply"):
        assert ann.get(page, id=theirs).status == 404
    assert ann.get("nothing").status == 404
    assert ann.get("folder", name="Nowhere").status == 404
    assert ann.post("nothing", csrf=ann.csrf).status == 404
    assert ann.post("reply", csrf=ann.csrf, id=theirs, text="x").status == 404


def test_signing_out_ends_the_session(ann: Browser) -> None:
    assert ann.post("sign-out", csrf=ann.csrf).status == 303
    assert ann.get("folder").headers["Location"] == "/mail/"
