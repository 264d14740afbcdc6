"""The Diagnostics tab."""

from django.http import HttpResponse
from django.shortcuts import render

from placet.portal.people import PersonsRequest, administrators_only


@administrators_only
def diagnostics(request: PersonsRequest) -> HttpResponse:
    return render(request, "panel/diagnostics.html")
