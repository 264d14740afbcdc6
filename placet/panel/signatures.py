"""By whose certificates and keys signed mails count: authorities, what they revoked, keys of people."""

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts import trust_changes
from placet.accounts.addresses import person_at
from placet.accounts.models import Person, RevocationList, SignerKey, TrustedAuthority
from placet.accounts.trust_changes import LARGEST, LARGEST_LIST, LONGEST_NAME, TrustInvalid
from placet.lib import clock
from placet.portal.people import PersonsRequest, administrators_only

A_PAGE = 50


class _FileForm(forms.Form):
    """A file that is added; what is wrong with it is an error of its field."""

    most = LARGEST
    warning = ""  # what to look at of what was added

    def start_of_file(self) -> bytes:
        """One byte more than is allowed tells the reader that it is too large."""
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        return bytes(file.read(self.most + 1))

    def add(self, by: Person) -> str:
        """What to say of it. Raises TrustInvalid."""
        raise NotImplementedError


class AuthorityForm(_FileForm):
    file = forms.FileField(
        label=gettext_lazy("Certificate of the authority"),
        widget=forms.FileInput(attrs={"accept": ".pem,.crt,.cer,.der"}),
        help_text=gettext_lazy("PEM or DER, without a private key."),
    )
    without_list = forms.BooleanField(
        label=gettext_lazy("Its certificates count although no list says which of them were revoked"),
        required=False,
    )

    def add(self, by: Person) -> str:
        needs_list = not self.cleaned_data["without_list"]
        added = trust_changes.add_authority(self.start_of_file(), needs_list=needs_list, by=by)
        return _("Certificates by {name} count from now on.").format(name=added.name)


class ListForm(_FileForm):
    most = LARGEST_LIST
    file = forms.FileField(
        label=gettext_lazy("List of revoked certificates (CRL)"),
        widget=forms.FileInput(attrs={"accept": ".crl,.pem,.der"}),
        help_text=gettext_lazy(
            "The newest one of an authority, or of one below it. It takes the place of the one before."
        ),
    )

    def add(self, by: Person) -> str:
        added = trust_changes.add_list(self.start_of_file(), by=by)
        return _("The list of {name} is here.").format(name=added.issuer)


class KeyForm(_FileForm):
    address = forms.EmailField(label=gettext_lazy("Address of the person"))
    file = forms.FileField(
        label=gettext_lazy("Certificate or public key"),
        widget=forms.FileInput(attrs={"accept": ".pem,.crt,.cer,.der,.asc,.pgp,.gpg"}),
        help_text=gettext_lazy(
            "For S/MIME (PEM or DER) or OpenPGP. Compare its fingerprint with the person first."
        ),
    )

    person: Person

    def clean_address(self) -> str:
        address = str(self.cleaned_data["address"])
        person = person_at(address)
        if person is None:
            raise forms.ValidationError(_("Nobody has this address."))
        self.person = person
        return address

    def add(self, by: Person) -> str:
        added = trust_changes.add_key(self.person, self.start_of_file(), by=by)
        if others := trust_changes.other_addresses(added):
            self.warning = _(
                "It names {addresses}, and no address of {name}. If it is somebody else’s, believe it no more."
            ).format(addresses=", ".join(others)[:LONGEST_NAME], name=self.person.name)
        return _("What {name} signs with it counts from now on.").format(name=self.person.name)


_FORMS: dict[str, type[_FileForm]] = {"authority": AuthorityForm, "list": ListForm, "key": KeyForm}


@administrators_only
def signatures(request: PersonsRequest) -> HttpResponse:
    """The page; and each of its forms, whose button says which it is."""
    step = request.POST.get("step", "")
    forms_ = {name: kind(auto_id=f"id_{name}_%s") for name, kind in _FORMS.items()}
    if request.method == "POST" and step in ("remove-authority", "remove-key"):
        _remove(request, step)
        return redirect("panel:signatures")
    if request.method == "POST" and step in _FORMS:
        forms_[step] = form = _FORMS[step](request.POST, request.FILES, auto_id=f"id_{step}_%s")
        if form.is_valid() and _added(request, form):
            return redirect("panel:signatures")
    elif request.method == "POST":
        messages.warning(request, _("Nothing was changed: it was not said what is to be done."))
    found = SignerKey.objects.select_related("person").order_by("person__name", "id")
    context = {
        "authorities": TrustedAuthority.objects.defer("content"),
        "lists": RevocationList.objects.defer("content"),
        "page": Paginator(found.defer("content"), A_PAGE).get_page(request.GET.get("page")),
        "forms": forms_,
        "now": clock.now(),
    }
    return render(request, "panel/signatures.html", context, status=422 if request.method == "POST" else 200)


def _added(request: PersonsRequest, form: _FileForm) -> bool:
    try:
        messages.success(request, form.add(request.user))
        if form.warning:
            messages.warning(request, form.warning)
    except TrustInvalid as error:
        form.add_error("file", str(error))
        return False
    return True


def _remove(request: PersonsRequest, step: str) -> None:
    remove = trust_changes.remove_authority if step == "remove-authority" else trust_changes.remove_key
    if remove(request.POST.get("fingerprint", "")[:64], by=request.user):
        messages.success(request, _("It counts no more. What was decided before stays decided."))
