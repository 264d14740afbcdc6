"""Django's messages ("Saved."), kept in a cookie that stays below the path that Placet is reached at."""

from typing import Any

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpResponseBase


class CookieBelow(CookieStorage):
    """Django's own goes to everything on the host, which others may serve, too."""

    def _update_cookie(self, encoded_data: Any, response: HttpResponseBase) -> None:
        super()._update_cookie(encoded_data, response)  # type: ignore[misc]  # not in the stubs
        if self.cookie_name in response.cookies:
            response.cookies[self.cookie_name]["path"] = settings.SESSION_COOKIE_PATH


class Storage(FallbackStorage):
    """What does not fit into the cookie is kept in the session."""

    storage_classes = (CookieBelow, SessionStorage)
