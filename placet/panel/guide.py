"""The Guide tab."""

from django.http import HttpResponse
from django.shortcuts import render

from placet.portal.people import PersonsRequest, administrators_only


@administrators_only
def guide(request: PersonsRequest) -> HttpResponse:
    return render(request, "panel/guide.html")
