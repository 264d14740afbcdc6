"""The General tab: what the installation says of itself on every page and mail."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import URLValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.cache import get_conditional_response, set_response_etag
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts import general as said
from placet.accounts.general import of_request
from placet.accounts.person_figures import are_person_figures_shown
from placet.accounts.reader import language_of
from placet.accounts.targets import private_targets
from placet.lib import outward
from placet.lib.config import PREFIX
from placet.lib.reached import NoAddress, is_public, public_url_of, reached_at
from placet.lib.zones import zone_names
from placet.panel.findings import here_of
from placet.portal.people import PersonsRequest, administrators_only

LONGEST_URL = 500
#: A picture is only ever a picture, whoever opens its address.
PICTURE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}


# --- the form ---------------------------------------------------------------------------------------------


class LinkField(forms.CharField):
    """A page on the web. Its form is checked; it is never opened."""

    def __init__(self, **about: Any) -> None:
        attributes = {
            "inputmode": "url",
            "spellcheck": "false",
            "autocapitalize": "none",
            "placeholder": "https://",
        }
        super().__init__(
            required=False, max_length=LONGEST_URL, widget=forms.TextInput(attrs=attributes), **about
        )

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        if not text:
            return ""
        try:
            URLValidator(schemes=["http", "https"])(text)
        except ValidationError as error:
            raise ValidationError(
                _("This is no address of a web page. Copy the whole address, beginning with https://.")
            ) from error
        if "@" in text.partition("://")[2].partition("/")[0]:
            raise ValidationError(_("Leave out the name and password in front of the @."))
        return text


class PublicUrlField(LinkField):
    def clean(self, value: Any) -> str:
        text = str(forms.CharField.clean(self, value))
        if not text:
            return ""
        try:
            return public_url_of(text)
        except NoAddress as error:
            raise ValidationError(
                _(
                    "Enter an address such as https://approvals.example.com or https://it.example.com/placet, "
                    "without anything after it."
                )
            ) from error


class TargetsField(forms.CharField):
    """A list, one in a line. What is stored already may stay, as the update put it there."""

    def __init__(self, **about: Any) -> None:
        attributes = {"rows": 4, "spellcheck": "false", "autocapitalize": "none"}
        super().__init__(required=False, widget=forms.Textarea(attrs=attributes), **about)

    def clean(self, value: Any) -> list[str]:
        lines = [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]
        if len(lines) > outward.MOST_TARGETS:
            raise ValidationError(
                _("At most {number} addresses are listed.").format(number=outward.MOST_TARGETS)
            )
        kept = set(private_targets())
        return list(dict.fromkeys(line if line in kept else self._entered(line) for line in lines))

    def _entered(self, line: str) -> str:
        shown = line[: outward.LONGEST_TARGET]
        try:
            return outward.entered(line)
        except outward.TargetInvalid as error:
            if error.never:
                told = _(
                    "{target} is or holds an address that nothing may call: one that belongs to a machine itself or to "
                    "its cloud."
                )
            elif error.port_missing:
                told = _("{target} is this machine: name the port as well, such as 127.0.0.1:9000.")
            else:
                told = _(
                    "{target} is no address. Enter one such as 10.1.2.3, 10.1.0.0/24 or hooks.corp.example:8443."
                )
            raise ValidationError(told.format(target=shown)) from error


class GeneralForm(forms.Form):
    """Fields that the operator set are not in it."""

    organisation = forms.CharField(
        label=gettext_lazy("Organisation name"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Stands at the top of every page and in the footer of mails. Empty: Placet."),
    )
    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        required=False,
        help_text=gettext_lazy("PNG, JPEG, GIF or WebP, up to 2 MB. It is made smaller where it has to be."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp"}),
    )
    remove_logo = forms.BooleanField(label=gettext_lazy("Remove the logo"), required=False)
    home_url = LinkField(
        label=gettext_lazy("Home page"), help_text=gettext_lazy("Your organisation's own page on the web.")
    )
    terms_url = LinkField(
        label=gettext_lazy("Terms of service"),
        help_text=gettext_lazy("The page with the terms under which people use Placet."),
    )
    privacy_url = LinkField(
        label=gettext_lazy("Privacy statement"),
        help_text=gettext_lazy("The page that says what happens to personal data."),
    )
    public_url = PublicUrlField(
        label=gettext_lazy("Public address"),
        help_text=gettext_lazy(
            "Links in mails begin with it. Behind a reverse proxy it is the proxy's address, with the path if there "
            "is one."
        ),
    )
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=64,
        help_text=gettext_lazy("For people who have not chosen one. Type a city to search."),
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Enter a time zone such as Europe/Paris.")},
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=settings.LANGUAGES,
        help_text=gettext_lazy("Of pages and mails for people who have not chosen one."),
    )

    private_targets = TargetsField(
        label=gettext_lazy("Private addresses that Placet may call"),
        help_text=gettext_lazy(
            "One in a line, such as 10.1.2.3, 10.1.0.0/24, hooks.corp.example or 127.0.0.1:9000. A name stands for "
            "private addresses in the network; this machine's own ports are named one by one."
        ),
    )

    person_figures = forms.BooleanField(
        label=gettext_lazy("Reports say what waits for each person"),
        required=False,
        help_text=gettext_lazy(
            "Owners of processes and administrators see how many requests wait for whom, and since when. Off: nothing "
            "about single people is counted or kept."
        ),
    )

    def __init__(
        self,
        shown: said.General,
        data: Mapping[str, Any] | None = None,
        files: "MultiValueDict[str, UploadedFile[Any]] | None" = None,
    ) -> None:
        initial: dict[str, Any] = {name: getattr(shown, name) for name in said.FIELDS}
        initial |= {
            "private_targets": "\n".join(private_targets()),
            "person_figures": are_person_figures_shown(),
        }
        super().__init__(data, files, initial=initial)
        self._shown = shown
        for name in (name for name in said.OPERATORS if said.set_by_operator(name)):
            self.fields.pop(name, None)
        if not shown.has_logo:
            del self.fields["remove_logo"]

    def clean_organisation(self) -> str:
        name = str(self.cleaned_data["organisation"])
        if not name.isprintable():
            raise ValidationError(_("This name holds characters that cannot be seen."))
        return name

    def clean_logo(self) -> bytes | None:
        uploaded: UploadedFile[Any] | None = self.cleaned_data["logo"]
        if uploaded is None:
            return None
        # What reads pictures is loaded for one.
        from placet.accounts.logo import LARGEST_FILE, LogoInvalid, as_logo

        try:
            return as_logo(uploaded.read(LARGEST_FILE + 1))
        except LogoInvalid as error:
            raise ValidationError(str(error)) from error

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"])
        if zone not in zones():
            raise ValidationError(
                _("There is no such time zone. Choose one of the list, such as Europe/Paris.")
            )
        return zone

    def entered(self) -> dict[str, Any]:
        """What is to be stored; a logo that was neither chosen nor removed stays."""
        stored = dict(self.cleaned_data)
        removed = stored.pop("remove_logo", False)
        if stored["logo"] is None and not removed:
            del stored["logo"]
        return stored

    def sections(self) -> Iterable["Section"]:
        for key, title, help_, names in SECTIONS:
            yield Section(
                key,
                title,
                help_,
                [self[name] for name in names if name in self.fields],
                fixed_of(names, self._shown),
            )


@dataclass(frozen=True)
class Fixed:
    """A field that the operator set: shown, not asked for."""

    name: str
    label: str
    value: str
    variable: str  # the operator's name for it


@dataclass(frozen=True)
class Section:
    key: str
    title: str
    help: str
    fields: list[forms.BoundField]
    fixed: list[Fixed]


SECTIONS: tuple[tuple[str, Any, Any, tuple[str, ...]], ...] = (
    (
        "organisation",
        gettext_lazy("Your organisation"),
        gettext_lazy("What people recognise Placet's pages and mails by."),
        ("organisation", "logo", "remove_logo"),
    ),
    (
        "links",
        gettext_lazy("Links"),
        gettext_lazy(
            "In the footer of every page and mail. The branding page of the application in Microsoft Entra asks for "
            "them, too."
        ),
        ("home_url", "terms_url", "privacy_url"),
    ),
    (
        "address",
        gettext_lazy("Address of Placet"),
        gettext_lazy("Where people reach these pages."),
        ("public_url",),
    ),
    (
        "reader",
        gettext_lazy("Time and language"),
        gettext_lazy("Everybody can choose their own under their name, at the top of each page."),
        ("zone", "language"),
    ),
    (
        "calls",
        gettext_lazy("Calls inside your network"),
        gettext_lazy(
            "Placet calls addresses that administrators enter, such as that of the webhook: public ones always, "
            "private ones only where they are listed here."
        ),
        ("private_targets",),
    ),
    (
        "reports",
        gettext_lazy("Reports"),
        gettext_lazy("What the owners of processes see of everybody's requests."),
        ("person_figures",),
    ),
)


def fixed_of(names: Iterable[str], now: said.General) -> list[Fixed]:
    return [
        Fixed(
            name,
            str(GeneralForm.base_fields[name].label),
            dict(settings.LANGUAGES).get(getattr(now, name), getattr(now, name)),
            f"{PREFIX}{said.OPERATORS[name].upper()}",
        )
        for name in names
        if said.set_by_operator(name)
    ]


@cache
def zones() -> frozenset[str]:
    """Every time zone that has a name people search for."""
    return frozenset(zone for zone in zone_names() if "/" in zone and not zone.startswith("Etc/")) | {"UTC"}


# --- the page ---------------------------------------------------------------------------------------------


@administrators_only
def general(request: PersonsRequest) -> HttpResponse:
    now = of_request(request)
    if request.method != "POST":
        return _page(request, GeneralForm(now))
    form = GeneralForm(now, request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, status=422)
    changed = said.save(form.entered(), by=request.user.pk)
    _say(request, changed)
    return redirect("panel:general")


def _say(request: PersonsRequest, changed: list[str]) -> None:
    """In the language that holds from now on: it may be what was changed."""
    with translation.override(language_of(request.user)):
        if not changed:
            messages.info(request, _("Nothing was changed."))
        else:
            messages.success(request, _("Saved. Pages and mails show it from now on."))


def _page(request: PersonsRequest, form: GeneralForm, status: int = 200) -> HttpResponse:
    now = of_request(request)
    context = {
        "form": form,
        "zones": sorted(zones()),
        "here": here_of(request),
        "restart": restart_needed(now.public_url),
        "unsafe": now.public_url.startswith("http:") and is_public(now.public_url),
    }
    return render(request, "panel/general.html", context, status=status)


def restart_needed(public_url: str) -> bool:
    """Whether the web server still works with another address."""
    wanted = reached_at(public_url)
    return any(
        getattr(settings, name) != value for name, value in wanted.items() if name != "ALLOWED_HOSTS"
    ) or (wanted["ALLOWED_HOSTS"][0] not in settings.ALLOWED_HOSTS)


# --- the logo ---------------------------------------------------------------------------------------------


def logo(request: HttpRequest) -> HttpResponse:
    """The organisation's logo, for everybody: the sign-in page shows it."""
    stored = said.logo()
    if stored is None:
        raise Http404
    answer = HttpResponse(stored, content_type="image/png", headers={**PICTURE, "Cache-Control": "no-cache"})
    set_response_etag(answer)
    return get_conditional_response(request, etag=answer["ETag"], response=answer) or answer


@administrators_only
def square_logo(request: PersonsRequest) -> HttpResponse:
    """The same to download, as Entra takes it."""
    from placet.accounts.logo import as_square

    stored = said.logo()
    if stored is None:
        raise Http404
    return HttpResponse(
        as_square(stored),
        content_type="image/png",
        headers={**PICTURE, "Content-Disposition": 'attachment; filename="logo-215x215.png"'},
    )
