"""A Google in a process of its own: the one of the tests, written from Google's documentation. No real one was tried.

`python -m benchmarks.google` says in a line of JSON where it is, then puts each mail that it reads, in base64 and a
line each, into Placet's mailbox, and answers with an empty line.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import django
import requests

from benchmarks.tenant import APPROVALS

TOKEN = "ya29.bare"  # of the bare fetch
IN_ONE_LIST = 500


class AtGoogle:
    """Replies lie there as Gmail delivers them: signed by the organisation's domain, and stamped."""

    proof = "outside"

    def __init__(self, api: str, key_file: str, process: "subprocess.Popen[str]") -> None:
        self.api = api
        self._key_file = key_file
        self._process = process

    def add_mailbox(self, address: str, name: str) -> None:
        """Nobody but Placet has one."""

    def send_as(self, address: str, raw: bytes) -> None:
        from tests.journeys.at_google import proved

        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{base64.b64encode(proved(raw)).decode()}\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise RuntimeError("The Google in memory took no mail.")

    def connect(self, way: str) -> None:
        from tests.journeys.at_google import connected

        connected(self._key_file)

    def bare(self) -> int:
        """How many mails are fetched by requests, and nothing done with them."""
        count = 0
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {TOKEN}"
            messages = f"{self.api}/gmail/v1/users/me/messages"
            page = ""
            while True:
                asked = {
                    "labelIds": "INBOX",
                    "maxResults": str(IN_ONE_LIST),
                    **({"pageToken": page} if page else {}),
                }
                listed = _json(session, messages, asked)
                for mail in listed.get("messages", ()):
                    got = _json(session, f"{messages}/{mail['id']}", {"format": "raw"})
                    count += bool(base64.urlsafe_b64decode(got["raw"]))
                page = listed.get("nextPageToken", "")
                if not page:
                    return count


def _json(session: requests.Session, url: str, query: dict[str, str]) -> dict[str, Any]:
    answer = session.get(url, params=query, timeout=60)
    answer.raise_for_status()
    value: dict[str, Any] = answer.json()
    return value


@contextmanager
def at_google() -> Iterator[AtGoogle]:
    from tests.journeys.at_google import asked_at, keys_in_dns

    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.google"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        begun = process.stdout.readline()
        if not begun:
            raise RuntimeError("The Google in memory did not start.")
        with ExitStack() as stack:
            stack.enter_context(keys_in_dns())
            told = json.loads(begun)
            stack.enter_context(asked_at(told["api"]))
            yield AtGoogle(told["api"], told["key_file"], process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def main() -> None:
    django.setup()
    from tests.mailboxes.gmail.google import running_google
    from tests.mailboxes.google_tokens import key_file

    with running_google() as google:
        box = google.user(APPROVALS)
        google.tokens[TOKEN] = APPROVALS
        print(json.dumps({"api": google.api, "key_file": key_file()}), flush=True)
        for line in sys.stdin:
            box.add(base64.b64decode(line), "INBOX", "UNREAD")
            print(flush=True)


if __name__ == "__main__":
    main()
