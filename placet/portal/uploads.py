"""Forms that bring files: how much of them is read."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from placet.approvals import attachments
from placet.portal.people import PersonsRequest, signed_in

# With the text of the form, which has its own limit. What is larger is read without its files; what is much larger,
# not at all.
LARGEST_BODY = attachments.LARGEST_TOGETHER + 3 * 1024 * 1024
LARGEST_READ = 2 * LARGEST_BODY

View = Callable[..., HttpResponse]


def takes_files(unread: Promise) -> Callable[[View], View]:
    """For the page of a form that may bring files, for people who are signed in. `too_large`, which the view is given,
    says that the files were dropped while the form was read. Of what is not even read, the view sees a GET whose answer
    has a `status` of its own, and whoever sent it the sentence `unread`."""

    def decorated(view: View) -> View:
        @csrf_exempt  # what is too large is refused unread; whatever is read is protected below
        @signed_in
        @wraps(view)
        def sized(request: PersonsRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            size = int(request.META.get("CONTENT_LENGTH") or 0) if request.method == "POST" else 0
            if size > LARGEST_READ:
                request.method = "GET"  # nobody reads the body any more
                messages.error(request, str(unread))
                return view(request, *args, **kwargs, status=413)
            if size > LARGEST_BODY:
                request.upload_handlers = [_WithoutFiles(request)]
            answer: HttpResponse = csrf_protect(view)(request, *args, **kwargs, too_large=size > LARGEST_BODY)
            return answer

        return sized

    return decorated


class _WithoutFiles(FileUploadHandler):
    """Reads a form and drops its files."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        raise SkipFile


def say_too_large(request: PersonsRequest) -> None:
    messages.error(
        request,
        _("These files are larger than 25 MB together, so nothing was sent. Choose smaller ones, please."),
    )
