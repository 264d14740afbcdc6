"""Pages in the language and the time zone of whoever reads them."""

from collections.abc import Callable

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.translation.trans_real import get_supported_language_variant, parse_accept_lang_header

from placet.accounts.general import of_request
from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.lib.zones import zone_of


def as_the_reader_reads(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """What somebody chose for themselves; before they signed in what their browser asks for.

    A streamed response is made after this: its view keeps the language (`placet.accounts.reader`).
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        # Without a session there is nobody to look up: no query for monitors, which must hear of a database that
        # is away in another way than this.
        user = request.user if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        if isinstance(user, Person):
            with as_read_by(user, of_request(request)):
                return _said(get_response(request))
        with translation.override(_asked_for(request)), timezone.override(zone_of("")):
            response = _said(get_response(request))
            response.headers.setdefault("Vary", "Accept-Language")
            return response

    return middleware


def _said(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Content-Language", translation.get_language() or settings.LANGUAGE_CODE)
    return response


def _asked_for(request: HttpRequest) -> str:
    """The first language of the browser that Placet has, else the installation's. Monitors ask for none, and must hear
    of a database that is away in another way than this."""
    for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        try:
            return get_supported_language_variant(code)
        except LookupError:
            continue
    try:
        return of_request(request).language
    except DatabaseTrouble:
        return str(settings.LANGUAGE_CODE)
