"""The pages of Placet as a web application. `placet serve` and `placet.web`, for other WSGI servers, apply what was
entered on the pages before: the public address and the log level."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from placet.lib.proxies import Proxies
from placet.lib.request_ids import RequestIds

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "placet.settings")
_pages: Any = get_wsgi_application()
_ = (
    get_resolver().url_patterns
)  # loads every page: what is wrong with one is said now, and nobody waits for it later


def _below_a_path(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Below a path (https://it.example/placet) a reverse proxy may keep that path or take it away: both work."""
    from django.conf import settings
    from django.urls import is_valid_path

    path, prefix = str(environ.get("PATH_INFO", "")), settings.FORCE_SCRIPT_NAME
    # A page of ours may begin with the same word; then the proxy took the path away.
    if prefix and f"{path}/".startswith(f"{prefix}/") and not is_valid_path(path):
        environ["PATH_INFO"] = path.removeprefix(prefix) or "/"
        environ["placet.path_kept"] = True  # for the Diagnostics tab
    answer: Iterable[bytes] = _pages(environ, start_response)
    return answer


def _trusted() -> str:
    from django.conf import settings

    return str(settings.PLACET.trust_proxy)


application = Proxies(RequestIds(_below_a_path), _trusted)
