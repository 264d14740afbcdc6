"""The live page beside docs/design.md: every part that pages are made of, once. For whoever builds pages: English."""

from django.http import HttpResponse
from django.shortcuts import render

from placet.portal.people import PersonsRequest, signed_in

COLOURS = (
    ("paper", "behind everything"),
    ("surface", "cards, fields, the top"),
    ("shade", "code, badges, what is pointed at"),
    ("ink", "text"),
    ("quiet", "what matters less"),
    ("line", "between things"),
    ("edge", "borders of fields and buttons"),
    ("accent", "what to do; links; good"),
    ("accent-soft", "behind what is good"),
    ("warn", "look at this"),
    ("warn-soft", "behind it"),
    ("bad", "wrong; refused"),
    ("bad-soft", "behind it"),
)
SIZES = ("title", "large", "text", "small")
SPACES = range(1, 10)


@signed_in
def design(request: PersonsRequest) -> HttpResponse:
    context = {"colours": COLOURS, "sizes": SIZES, "spaces": SPACES}
    return render(request, "design.html", context)
