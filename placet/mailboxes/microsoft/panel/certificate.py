"""The client certificate of a mailbox: made or uploaded, given out for Entra ID, tried and used. The private key comes
in and never goes out."""

import re

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from placet.lib.web import as_file
from placet.mailboxes.base import MailboxError
from placet.mailboxes.microsoft import certificates, credentials
from placet.mailboxes.microsoft.certificates import Certificate, CertificateInvalid, PasswordWrong
from placet.mailboxes.models import Mailbox
from placet.portal.people import PersonsRequest, administrators_only


class MakeForm(forms.Form):
    months = forms.TypedChoiceField(
        label=gettext_lazy("Valid for"),
        coerce=int,
        choices=[(12, gettext_lazy("12 months")), (24, gettext_lazy("24 months"))],
        help_text=gettext_lazy("Placet writes to administrators 30, 14, 7, 3 and 1 days before the end."),
    )


class UploadForm(forms.Form):
    """Once it is valid, `certificate` is there."""

    file = forms.FileField(
        label=gettext_lazy("PFX or PEM file"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".pfx,.p12,.pem,.crt,.cer"}),
        help_text=gettext_lazy(
            "The certificate with its private key; RSA of 2048 bits or more, at most 64 kB."
        ),
    )
    key = forms.FileField(
        label=gettext_lazy("File of the private key"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".key,.pem"}),
        help_text=gettext_lazy("Only if the key is in a file of its own."),
    )
    password = forms.CharField(
        label=gettext_lazy("Password of the file"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("The one that it was exported with; empty if it has none. It is not stored."),
    )

    certificate: Certificate

    @sensitive_variables()
    def clean(self) -> None:
        given = [_start_of(self.cleaned_data.get(name)) for name in ("file", "key")]
        if self.errors:
            return
        try:
            self.certificate = certificates.read(given, self.cleaned_data.get("password", ""))
        except PasswordWrong as error:
            self.add_error("password", str(error))
        except CertificateInvalid as error:
            self.add_error("file", str(error))


def _start_of(file: "UploadedFile[bytes] | None") -> bytes:
    """One byte more than is allowed tells the reader that it is too large."""
    return file.read(certificates.LARGEST + 1) if file else b""


# --- the page ---------------------------------------------------------------------------------------------


@administrators_only
def certificate(request: PersonsRequest, pk: int) -> HttpResponse:
    """What is in use, what waits, and how to make or bring a certificate."""
    return _page(request, get_object_or_404(Mailbox.present, pk=pk))


def _page(
    request: PersonsRequest,
    mailbox: Mailbox,
    *,
    upload: UploadForm | None = None,
    make: MakeForm | None = None,
    trouble: MailboxError | None = None,
    status: int = 200,
) -> HttpResponse:
    waiting = credentials.waiting(mailbox)
    if waiting is not None and make:  # the page has no place for what is wrong with it
        messages.error(request, _("Another certificate is not in use yet. Use that one, or remove it first."))
    context = {
        "mailbox": mailbox,
        "in_use": credentials.certificate_in_use(mailbox),
        "waiting": waiting,
        "has_secret": credentials.has_secret(mailbox),
        "make": make or MakeForm(),
        "upload": upload or UploadForm(),
        "trouble": trouble,
        "bits": certificates.KEY_BITS,
    }
    return render(request, "microsoft/certificate.html", context, status=status)


@administrators_only
def certificate_file(request: PersonsRequest, pk: int, which: str) -> HttpResponse:
    """The certificate as Entra ID takes it (.cer, Base64); never its key."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    found = {"in-use": credentials.certificate_in_use, "waiting": credentials.waiting}.get(which)
    wanted = found(mailbox) if found else None
    if wanted is None:
        raise Http404
    name = re.sub(r"[^a-z0-9]+", "-", mailbox.address) + f"-{wanted.thumbprint[:8].lower()}.cer"
    return as_file(wanted.pem.encode(), f"placet-{name}")


# --- what is done with it ---------------------------------------------------------------------------------


@administrators_only
def make_certificate(request: PersonsRequest, pk: int) -> HttpResponse:
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    if request.method != "POST":
        return redirect("panel:certificate", pk)
    form = MakeForm(request.POST)
    if not form.is_valid():
        return _page(request, mailbox, make=form, status=422)
    try:
        credentials.make(mailbox, form.cleaned_data["months"], by=request.user.email)
    except CertificateInvalid as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The key pair is made. Now add its certificate in Entra, as said below."))
    return redirect("panel:certificate", pk)


@sensitive_post_parameters()
@administrators_only
def upload_certificate(request: PersonsRequest, pk: int) -> HttpResponse:
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    if request.method != "POST":
        return redirect("panel:certificate", pk)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, mailbox, upload=form, status=422)
    try:
        credentials.take(mailbox, form.certificate, by=request.user.email)
    except CertificateInvalid as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The certificate and its key are stored. They are not in use yet."))
    return redirect("panel:certificate", pk)


@administrators_only
def use_certificate(request: PersonsRequest, pk: int) -> HttpResponse:
    """Ask Entra ID with the certificate that waits; use it only if that works, else say why it does not."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    if request.method == "POST":
        try:
            used = credentials.use(mailbox, by=request.user.email)
        except MailboxError as error:
            return _page(request, mailbox, trouble=error, status=422)
        except CertificateInvalid as error:
            messages.error(request, str(error))
        else:
            told = _("Entra ID accepted the certificate {thumbprint}. It is in use from now on.")
            messages.success(request, told.format(thumbprint=used.thumbprint))
    return redirect("panel:certificate", pk)


@administrators_only
def use_secret(request: PersonsRequest, pk: int) -> HttpResponse:
    """Back to the client secret; the certificate stays and waits."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    if request.method == "POST":
        try:
            credentials.back_to_secret(mailbox, by=request.user.email)
        except CertificateInvalid as error:
            messages.error(request, str(error))
        else:
            told = _(
                "The client secret is in use again. Enter the day on which it expires with the settings."
            )
            messages.success(request, told)
    return redirect("panel:certificate", pk)


@administrators_only
def remove_certificate(request: PersonsRequest, pk: int) -> HttpResponse:
    """Forget the one that waits, with its key. Asked once more before."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    there = credentials.waiting(mailbox)
    if there is None:
        return redirect("panel:certificate", pk)
    if request.method != "POST":
        return render(
            request, "microsoft/certificate_remove.html", {"mailbox": mailbox, "certificate": there}
        )
    credentials.remove_waiting(mailbox, by=request.user.email)
    messages.success(
        request, _("The certificate and its key are removed. Delete it in Entra too, if it is there.")
    )
    return redirect("panel:certificate", pk)


@administrators_only
def remove_secret(request: PersonsRequest, pk: int) -> HttpResponse:
    """Forget the client secret, while a certificate is in use. Asked once more before."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    if credentials.certificate_in_use(mailbox) is None or not credentials.has_secret(mailbox):
        return redirect("panel:certificate", pk)
    if request.method != "POST":
        return render(request, "microsoft/certificate_remove.html", {"mailbox": mailbox})
    credentials.remove_secret(mailbox, by=request.user.email)
    messages.success(request, _("The client secret is removed here. Delete it in Entra too."))
    return redirect("panel:certificate", pk)
