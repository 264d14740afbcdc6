"""What every page has: its headers, and the reader's time zone."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from placet.lib.zones import zone_of

# No inline script or style, nothing from another host, no framing: what others wrote cannot run here.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Set a strict Content-Security-Policy, unless a view set a stricter one of its own."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "interest-cohort=()")
        return response

    return middleware


def time_zone_of_user(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Show times in the zone that the signed-in user has chosen (`user.zone`)."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        # Without a session there is nobody to look up: no query for monitors and for the sign-in page.
        user = request.user if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        with timezone.override(zone_of(getattr(user, "zone", ""))):
            return get_response(request)

    return middleware
