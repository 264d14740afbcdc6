"""Somebody at the web mail, without a browser: literal requests, and forms as a browser sends them."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from html import unescape

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.wire import Answer

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "----WebKitFormBoundaryAbc123"


class Browser:
    """Signed in to a mailbox."""

    def __init__(self, sandbox: Sandbox, address: str) -> None:
        self.sandbox = sandbox
        self.cookie = ""
        mailbox = sandbox.mailbox(address)
        self.address = mailbox.address
        self.sign_in(mailbox.address, mailbox.password)

    def sign_in(self, address: str, password: str) -> None:
        answer = self.send("POST", "/mail/sign-in", {"address": address, "password": password})
        assert answer.status == 303
        cookie, _, attributes = answer.headers["Set-Cookie"].partition(";")
        assert attributes.strip() == "Path=/mail; HttpOnly; SameSite=Lax"
        self.cookie = cookie

    def send(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        body = urllib.parse.urlencode(form or {})
        given = {"Cookie": self.cookie, "Content-Type": FORM} | headers
        return wire.send(self.sandbox, method, path, body if method == "POST" else b"", given)

    def get(self, page: str = "folder", **query: str) -> Answer:
        return self.send("GET", f"/mail/{self.address}/{page}?{urllib.parse.urlencode(query)}")

    def post(self, page: str, **form: str) -> Answer:
        return self.send("POST", f"/mail/{self.address}/{page}", form)

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("new").text)
        assert found
        return found[1]

    def submit(self, page: str, **form: str) -> Answer:
        """Post a form of the pages and follow to the next page."""
        answer = self.post(page, csrf=self.csrf, **form)
        assert answer.status == 303, answer.text
        return self.send("GET", answer.headers["Location"])

    def send_mail(
        self,
        filled_in: Mapping[str, str] | None = None,
        *,
        file: tuple[str, str, bytes] = ("", "application/octet-stream", b""),
        **form: str,
    ) -> Answer:
        """Fill in the form that writes a mail, as a browser sends it; then the next page."""
        fields = {"csrf": self.csrf, "cc": "", "program": "outlook", **(filled_in or {}), **form}
        parts = [
            f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()
        ]
        body = "".join(f"--{BOUNDARY}\r\n{part}\r\n" for part in parts).encode()
        name, kind, content = file
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}'
        body += f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        headers = {"Cookie": self.cookie, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = wire.send(self.sandbox, "POST", f"/mail/{self.address}/send", body, headers)
        return self.send("GET", answer.headers["Location"]) if answer.status == 303 else answer

    def prefilled(self, page: str, **query: str) -> dict[str, str]:
        """What the fields of a form hold when it is opened."""
        text = self.get(page, **query).text
        inputs = re.findall(r'<input (?![^>]*type="file")[^>]*?name="(\w+)"[^>]*? value="([^"]*)"', text)
        areas = re.findall(r'<textarea [^>]*?name="(\w+)"[^>]*>\n([^<]*)<', text)
        chosen = re.findall(r'<select [^>]*?name="(\w+)".*?value="([^"]*)" selected', text)
        return {name: unescape(value) for name, value in [*inputs, *areas, *chosen]}

    def reply(self, mail_id: str, text: str, how: str = "reply", **changed: str) -> Answer:
        """Open the form, type, send."""
        fields = self.prefilled("write", how=how, id=mail_id)
        return self.send_mail({**fields, "text": text, **changed})
