"""“Is this address yours too?”: the page that the mail about it links to. No sign-in: the link is the proof.

A GET shows the question and changes nothing, because link scanners open every link; the answer is a POST.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from placet.accounts.confirming import ClaimInvalid
from placet.approvals import another_address

_ANSWERS = {"yes": True, "no": False}


@never_cache
def confirm_address(request: HttpRequest, link: str) -> HttpResponse:
    """The question; after an answer what came of it."""
    try:
        wrong = ""
        if request.method == "POST":
            yes = _ANSWERS.get(request.POST.get("answer", ""))
            if yes is None:
                wrong = _("Please choose one of the two answers.")
            else:
                another_address.answer(link, yes=yes)
        asked = another_address.question(link)
    except ClaimInvalid as error:
        return render(request, "portal/confirm_address.html", {"invalid": str(error)}, status=410)
    context = {"asked": asked, "answer": asked.offer.answer, "wrong": wrong}
    return render(request, "portal/confirm_address.html", context, status=422 if wrong else 200)
