"""Microsoft's own token library towards the sandbox."""

from __future__ import annotations

from typing import Any

import requests
from msal import ConfidentialClientApplication

from placet.sandbox import Sandbox


class InClear:
    """MSAL insists on https addresses; this carries its requests to the sandbox, which has none."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.headers["X-Forwarded-Proto"] = "https"

    def get(self, url: str, **more: Any) -> requests.Response:
        return self.session.get(url.replace("https://", "http://"), **more)

    def post(self, url: str, **more: Any) -> requests.Response:
        return self.session.post(url.replace("https://", "http://"), **more)

    def close(self) -> None:
        self.session.close()


def msal_client(sandbox: Sandbox, credential: Any, **more: Any) -> Any:
    """The application of the sandbox, with its secret or its certificate's key."""
    return ConfidentialClientApplication(
        sandbox.client_id,
        credential,
        f"{sandbox.url.replace('http://', 'https://')}/{sandbox.tenant_id}",
        http_client=InClear(),
        instance_discovery=False,
        validate_authority=False,
        **more,
    )
