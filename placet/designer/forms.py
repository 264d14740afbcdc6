"""What owners enter about processes: keys and names, files that become drafts, who owns."""

import re
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse_lazy
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals import call_keys
from placet.approvals.models import Process
from placet.approvals.process_text import Unreadable
from placet.approvals.renaming import renamed, said_in
from placet.approvals.steps import PROCESS_KEY
from placet.designer.revisions import LONGEST_TEXT
from placet.portal.giving import SomebodyField, suggested
from placet.workflowgen.report import Report
from placet.workflowgen.texts import one_line
from placet.workflowgen.xpdl import LARGEST, FileInvalid

LONGEST_NAME, LONGEST_KEY = 200, 50
PLAIN = {"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
_TAKEN = gettext_lazy("There is a process of this key already. Choose another one.")


def key_of(name: str) -> str:
    """A key made of a name: "Prise en charge (2)" is prise-en-charge-2; "" where nothing of it fits."""
    return re.sub("^[^a-z]+", "", slugify(name))[:LONGEST_KEY].rstrip("-_")


def _check_key(key: str) -> str:
    if not re.fullmatch(PROCESS_KEY, key):
        raise forms.ValidationError(
            _("A key has 1 to 50 of a-z, 0-9, - and _, and begins with a letter, such as purchase.")
        )
    if call_keys.is_reserved(key) or Process.objects.filter(key=key).exists():
        raise forms.ValidationError(_TAKEN)
    return key


class NamesForm(forms.Form):
    """The name and the key of a process that is not there yet."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=LONGEST_NAME)
    key = forms.CharField(
        label=gettext_lazy("Key"),
        required=False,
        max_length=LONGEST_KEY,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=gettext_lazy(
            "Part of addresses and file names; it cannot be changed later. Left empty, it is made of the name."
        ),
    )

    def clean_name(self) -> str:
        name = " ".join(str(self.cleaned_data["name"]).split())
        if not name.isprintable():
            raise forms.ValidationError(_("This name holds characters that cannot be seen."))
        return name

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if "name" in given and "key" in given:
            try:
                given["key"] = _check_key(given["key"] or key_of(given["name"]))
            except forms.ValidationError as error:
                self.add_error("key", error)
        return given

    def say_taken(self) -> None:
        """Somebody was faster."""
        self.add_error("key", str(_TAKEN))


# --- importing --------------------------------------------------------------------------------------------


class ImportForm(forms.Form):
    """A file of WorkflowGen, or YAML, or YAML that was pasted. Once it is valid, `text`, `process_key`, `name` and
    `report` are what it came to."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".xml,.xpdl,.yaml,.yml,text/xml,application/xml,text/yaml"}),
        help_text=gettext_lazy("XML as WorkflowGen exports one process, or YAML; at most 8 MB."),
        error_messages={"empty": gettext_lazy("This file is empty.")},
    )
    pasted = forms.CharField(
        label=gettext_lazy("Or paste YAML"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={**PLAIN, "rows": 8, "class": "code"}),
    )
    key = forms.CharField(
        label=gettext_lazy("Under another key"),
        required=False,
        max_length=LONGEST_KEY,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=gettext_lazy("Empty: the key that it has."),
    )
    replace = forms.BooleanField(
        label=gettext_lazy("Also if there is a process of this key already"),
        required=False,
        help_text=gettext_lazy("Its published versions stay as they are; an older draft of it is replaced."),
    )

    text: str
    process_key: str
    name: str
    report: Report

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if key and not re.fullmatch(PROCESS_KEY, key):
            raise forms.ValidationError(
                _("A key has 1 to 50 of a-z, 0-9, - and _, and begins with a letter, such as purchase.")
            )
        return key

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if "file" in self.errors or "key" in self.errors:
            return given
        file: UploadedFile[bytes] | None = given.get("file")
        if (file is None) == (not given["pasted"].strip()):
            raise forms.ValidationError(_("Choose a file or paste YAML: one of the two."))
        field = "pasted" if file is None else "file"
        try:
            # One byte more than is allowed tells the reader that it is too large.
            self._read(given["pasted"] if file is None else file.read(LARGEST + 1), file, given["key"])
        except FileInvalid as error:
            self.add_error(field, str(error))
        except Unreadable as error:
            self.add_error(field, error.problems)
        return given

    @property
    def file_name(self) -> str:
        """Of what another program exported."""
        file: UploadedFile[bytes] | None = self.cleaned_data.get("file")
        return one_line(file.name or "") if file is not None and self.report.lines else ""

    def _read(self, content: str | bytes, file: "UploadedFile[bytes] | None", key: str) -> None:
        if isinstance(content, bytes) and _is_xml(content):
            # All that knows WorkflowGen is loaded for such files alone.
            from placet.workflowgen.importing import read_process

            imported = read_process(content, file.name or "" if file is not None else "")
            self.text, self.report = imported.text, imported.report
        else:
            self.text, self.report = _as_text(content), Report()
        self.process_key = key or said_in(self.text, "key")
        if not re.fullmatch(PROCESS_KEY, self.process_key):
            raise Unreadable(_("It has no key that a process can have. Write one below."))
        if key:
            self.text = renamed(self.text, key)
        self.name = said_in(self.text, "name")[:LONGEST_NAME] or self.process_key


def _is_xml(content: bytes) -> bool:
    start = content[:200].removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").lstrip()
    return start.startswith((b"<", b"\xff\xfe<", b"\xfe\xff<"))


def _as_text(content: str | bytes) -> str:
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(_("This is neither XML nor text in UTF-8.")) from error
    if len(text.encode(errors="surrogatepass")) > LONGEST_TEXT:
        raise Unreadable(_("This is longer than a process can be."))
    return text.replace("\r\n", "\n")


# --- owners -----------------------------------------------------------------------------------------------


class OwnerForm(forms.Form):
    person = SomebodyField(
        label=gettext_lazy("One more owner"),
        widget=suggested(reverse_lazy("designer:suggest_people")),
        help_text=gettext_lazy(
            "Their name or address. They may change and publish this process, and see all of its requests. They get "
            "the role process owner, and keep it when they are taken out."
        ),
    )
