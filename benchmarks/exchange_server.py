"""An Exchange server of the organisation's own, in a process of its own: the one of the tests, which is the sandbox
behind a door that signs Windows accounts in. No real one was tried.

`python -m benchmarks.exchange_server` says in a line of JSON where it is, then reads a line of JSON for each mailbox
that is to be made and each mail that is to be sent, and answers with an empty line.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import django
import requests

TOKEN = "the-bare-fetch"  # of the bare fetch


class AtExchange:
    """People have their mailboxes there, too."""

    proof = "colleague"

    def __init__(self, port: int, process: "subprocess.Popen[str]") -> None:
        self._port = port
        self._process = process

    def add_mailbox(self, address: str, name: str) -> None:
        self._say({"address": address, "name": name})

    def send_as(self, address: str, raw: bytes) -> None:
        self._say({"address": address, "raw": base64.b64encode(raw).decode()})

    def connect(self, way: str) -> None:
        from tests.journeys.at_exchange_server import AtExchangeServer
        from tests.mailboxes.exchange_server.front import Front

        there = AtExchangeServer()
        there.front = Front(self._port)
        there.connected()

    def bare(self) -> int:
        """How many mails are fetched by requests, and nothing done with them."""
        from benchmarks import bare
        from tests.mailboxes.exchange_server.front import Front

        with requests.Session() as session:
            return bare.by_ews(session, Front(self._port).url, TOKEN)

    def _say(self, line: dict[str, str]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(line)}\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise RuntimeError("The Exchange server in memory took no mail.")


@contextmanager
def at_exchange() -> Iterator[AtExchange]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.exchange_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        begun = process.stdout.readline()
        if not begun:
            raise RuntimeError("The Exchange server in memory did not start.")
        yield AtExchange(json.loads(begun)["port"], process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def main() -> None:
    django.setup()
    from tests.journeys.at_exchange_server import AtExchangeServer

    with AtExchangeServer() as sandbox:
        sandbox.add_mailbox("approvals", "Approvals")
        sandbox.front.token = TOKEN.encode()
        print(json.dumps({"port": sandbox.front.port}), flush=True)
        for line in sys.stdin:
            told = json.loads(line)
            if "raw" in told:
                sandbox.send_as(told["address"], base64.b64decode(told["raw"]))
            else:
                sandbox.add_mailbox(told["address"], told["name"])
            print(flush=True)


if __name__ == "__main__":
    main()
