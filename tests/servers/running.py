"""oidc-provider, while a test runs: an OAuth server that we did not write. See oidc_provider.mjs for what it checks."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools.oidc_provider import NODE, NotInstalled, install

SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
TENANT = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@dataclass(frozen=True)
class OidcProvider:
    port: int
    written: Path  # what it wrote of refusals
    key: str = ""  # what its tokens are checked with, PEM

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def authorization_uri(self) -> str:
        return f"{self.issuer}/auth"

    @property
    def device_uri(self) -> str:
        return f"{self.issuer}/device/auth"

    @property
    def token_uri(self) -> str:
        return f"http://127.0.0.1:{self.port}/{TENANT}/oauth2/v2.0/token"

    def reasons(self) -> str:
        """Why it refused, as it tells its own log and nobody else."""
        return self.written.read_text()


@contextmanager
def oidc_provider(clients: Sequence[dict[str, Any]], account: str = "") -> Iterator[OidcProvider]:
    """`clients` and `account` as oidc_provider.mjs describes them."""
    folder = installed()
    with tempfile.TemporaryDirectory() as place:
        written = Path(place) / "errors"
        with written.open("w") as errors:
            server = subprocess.Popen(
                [NODE, SCRIPT, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            server.stdin.write(json.dumps({"tenant": TENANT, "clients": clients, "account": account}) + "\n")
            server.stdin.flush()
            begun = server.stdout.readline()
            if not begun:
                pytest.fail(f"oidc-provider did not start: {written.read_text()}")
            told = json.loads(begun)
            yield OidcProvider(told["port"], written, told["key"])
        finally:
            server.terminate()
            server.wait(120)
            server.stdin.close()
            server.stdout.close()


def installed() -> Path:
    try:
        return install()
    except NotInstalled as error:
        told = f"npm could not get oidc-provider: {error}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
