"""The designer: the mail of a step as it would look, beside the form of the step, and its HTML for the frames there."""

from typing import Any

from django.conf import settings
from django.db import OperationalError, connection
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.designer.mail_preview import in_light, languages, mail_of
from placet.designer.people import find_written, owners_only
from placet.designer.placing import problems_of
from placet.designer.try_views import framed_mail
from placet.designer.trying_shown import Mail
from placet.designer.working import Work, work_on
from placet.lib.web import entered
from placet.portal.people import PersonsRequest


class NoPreview(Exception):
    """Why the mail of a step cannot be shown; the message is for people."""


def language_in(request: PersonsRequest) -> str:
    """The language in which somebody wants to see the mail; "" where nobody does."""
    wanted = entered(request.GET, "mail")
    return wanted if wanted in dict(settings.LANGUAGES) else ""


def preview_of(work: Work, step_key: str, reader: Person, language: str) -> dict[str, Any]:
    """For the page of a step."""
    try:
        return {"mail": _mail(work, step_key, reader, language), "mail_languages": [*languages(language)]}
    except NoPreview as error:
        return {"no_mail": str(error)}


def _mail(work: Work, step_key: str, reader: Person, language: str) -> Mail:
    definition = work.reading.definition
    wrong = [
        *problems_of(work.problems, "step", step_key),
        *(one for one in work.problems if one.area == "form"),
    ]
    if definition is None or step_key not in definition.steps or wrong:
        raise NoPreview(_("The mail is shown once the problems of this step and of the form are put right."))
    try:
        return mail_of(definition, step_key, reader, language)
    except OperationalError as error:
        if connection.vendor != "postgresql":
            raise
        raise NoPreview(_("Somebody else is working on this at the moment. Please try again.")) from error
    except (TypeError, ValueError, LookupError) as error:
        raise NoPreview(_("The mail cannot be shown: {problem}").format(problem=error)) from error


@owners_only
def step_mail(request: PersonsRequest, key: str, step: str) -> HttpResponse:
    """The HTML of the mail of a step, for a frame: nothing in it runs, leads anywhere or fetches anything. `mail`: in
    which language; `dark`: as a screen in the dark shows it."""
    work, language = work_on(find_written(request, key)), language_in(request)
    if step not in work.reading.steps or not language:
        raise Http404
    try:
        mail = _mail(work, step, request.user, language)
    except NoPreview as error:
        raise Http404 from error
    return framed_mail(in_light(mail.markup, dark="dark" in request.GET))
