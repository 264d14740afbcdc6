"""Try a reply: how Placet reads a text or a mail. Nothing happens, nothing is kept and nothing is looked up."""

from typing import Any, TypeAlias

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxLengthValidator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.portal.people import PersonsRequest, administrators_only
from placet.replies.entry import known_words
from placet.replies.explain import PROVES_NOBODY, as_mail, explain, is_source

LARGEST = 2 * 1024 * 1024  # bytes of a file
LONGEST = 1_000_000  # characters that are pasted

_PASTED = {"rows": 9, "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
# No `max_length`: browsers would cut what is pasted, and say nothing.
_SHORT_ENOUGH = [
    MaxLengthValidator(
        LONGEST, gettext_lazy("This is too long to be pasted. Choose the mail's file below instead.")
    )
]
_FILE = {"accept": ".eml,message/rfc822"}


File: TypeAlias = "UploadedFile[bytes]"


class TryForm(forms.Form):
    """A reply, pasted or as a file, and perhaps the mail that it answers."""

    text = forms.CharField(
        label=gettext_lazy("Text of a reply, or the source of a mail"),
        required=False,
        strip=False,
        validators=_SHORT_ENOUGH,
        widget=forms.Textarea(attrs=_PASTED),
        help_text=gettext_lazy(
            "What begins with headers (From, Subject, …) is taken for the source of a mail."
        ),
    )
    file = forms.FileField(
        label=gettext_lazy("Or a mail as a file (.eml)"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs=_FILE),
        help_text=gettext_lazy(
            "At most 2 MB. A file shows more than a pasted text: letters and formatting stay as they were."
        ),
    )
    original = forms.CharField(
        label=gettext_lazy("Its text or source"),
        required=False,
        strip=False,
        validators=_SHORT_ENOUGH,
        widget=forms.Textarea(attrs=_PASTED | {"rows": 5}),
    )
    original_file = forms.FileField(
        label=gettext_lazy("Or the file (.eml)"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs=_FILE),
    )

    def clean_file(self) -> "File | None":
        return _not_too_large(self.cleaned_data["file"])

    def clean_original_file(self) -> "File | None":
        return _not_too_large(self.cleaned_data["original_file"])

    def clean(self) -> dict[str, Any]:
        found = self.cleaned_data
        for text, file in (("text", "file"), ("original", "original_file")):
            if found.get(text, "").strip() and found.get(file):
                self.add_error(file, _("There is a text above, too. Leave one of the two empty."))
        if not self.errors and not found["text"].strip() and not found["file"]:
            self.add_error("text", _("Paste a reply here, or choose a file below."))
        return found

    def reply(self) -> bytes:
        """The mail to read. The form is valid."""
        return _mail(self.cleaned_data["text"], self.cleaned_data["file"])

    def answered(self) -> bytes | None:
        """The mail that it answers, if one was given. The form is valid."""
        return _mail(self.cleaned_data["original"], self.cleaned_data["original_file"]) or None

    @property
    def has_original(self) -> bool:
        """Whether something was entered there: then that part of the form stands open."""
        return self.is_bound and bool(self["original"].value() or self.files.get("original_file"))


def _not_too_large(file: "File | None") -> "File | None":
    if file and (file.size or 0) > LARGEST:
        raise forms.ValidationError(
            _(
                "This file is larger than 2 MB. Save the mail without its attachments, or paste its text above."
            )
        )
    return file


def _mail(pasted: str, file: "File | None") -> bytes:
    if file:
        return bytes(file.read())
    return as_mail(pasted) if pasted.strip() else b""


@administrators_only
def try_reply(request: PersonsRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "panel/try_reply.html", {"form": TryForm()})
    form = TryForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "panel/try_reply.html", {"form": form}, status=422)
    file = form.cleaned_data["file"]
    text_alone = not file and not is_source(form.cleaned_data["text"])
    context = {
        "form": form,
        "explanation": explain(form.reply(), form.answered(), known_words()),
        "text_alone": text_alone,
        "taken_for": _taken_for(file, text_alone),
        "proves_nobody": PROVES_NOBODY,
    }
    return render(request, "panel/try_reply.html", context)


def _taken_for(file: "File | None", text_alone: bool) -> str:
    if file:
        return _("Taken for the file {name}.").format(name=file.name)
    return _("Taken for a text.") if text_alone else _("Taken for the source of a mail.")
