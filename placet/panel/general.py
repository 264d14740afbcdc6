"""The General tab."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from placet.accounts.models import Installation
from placet.portal.people import PersonsRequest, administrators_only


@administrators_only
def general(request: PersonsRequest) -> HttpResponse:
    return render(request, "panel/general.html")


def logo(request: HttpRequest) -> HttpResponse:
    """The organisation's logo, for everybody: the sign-in page shows it."""
    stored = Installation.objects.filter(id=1).values_list("logo", flat=True).first()
    if stored is None:
        raise Http404
    return HttpResponse(
        bytes(stored), content_type="image/png", headers={"X-Content-Type-Options": "nosniff"}
    )
