"""The Remote Approval tab: the mailbox's settings, what is said of them while they are typed, and their test."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import messages
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from placet.accounts.general import of_request
from placet.accounts.reader import as_read_by
from placet.approvals import engine
from placet.approvals.models import AskLine, Assignment
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes import consent, pool, removal, store
from placet.mailboxes.base import Check
from placet.mailboxes.kinds import FIRST, all_kinds, beside_form
from placet.mailboxes.models import Mailbox
from placet.mailboxes.others import must_stay_closed
from placet.mailboxes.push.notices import noticings
from placet.mailboxes.settings import SettingsInvalid
from placet.mailboxes.troubles import fix_needed, short_words, troubles_of
from placet.panel.connection_test import Run, has_passed, proof_of, run_for
from placet.panel.health import secret_health
from placet.panel.kind_guides import guide_url
from placet.panel.mailbox_form import MailboxForm, files_of
from placet.panel.mailbox_lookup import Lookup, look_up
from placet.portal.people import PersonsRequest, administrators_only

STEP_PART, LEFT_OUT_PART, WAITING_PART, VERDICT_PART = (
    f"panel/remote_approval/{name}.html" for name in ("step", "left_out", "waiting", "verdict")
)
MOST_COUNTED = 1_000  # open questions of a mailbox
STEPS_HERE = "<!-- the steps -->"  # where the page is cut, and sent as far as it goes


# --- the settings -----------------------------------------------------------------------------------------


@sensitive_post_parameters()
@administrators_only
def remote_approval(request: PersonsRequest, pk: int | None = None) -> HttpResponse:
    """The settings of a mailbox: the one that is named, else the first, else a new one."""
    found = Mailbox.present.first() if pk is None else get_object_or_404(Mailbox.present, pk=pk)
    return _settings(request, found)


@sensitive_post_parameters()
@administrators_only
def new_mailbox(request: PersonsRequest) -> HttpResponse:
    """The settings of one more mailbox."""
    return _settings(request, None)


def _settings(request: PersonsRequest, mailbox: Mailbox | None) -> HttpResponse:
    if request.method != "POST":
        return settings_page(request, mailbox, MailboxForm(mailbox=mailbox))
    if request.POST.get("then") == "kind":  # without a script
        return settings_page(request, mailbox, MailboxForm.of_another_kind(request.POST, mailbox))
    form = MailboxForm(request.POST, mailbox, files=files_of(request.FILES))
    try:
        saved = form.save(request.user.email)
    except SettingsInvalid as error:
        form.show_errors(error.errors)
        return settings_page(request, _as_stored(mailbox), form, status=422)
    for notice in saved.notices.values():
        messages.info(request, notice)
    if not all(consent.is_given(saved.mailbox, one) for one in consent.requests_of(saved.mailbox)):
        messages.success(request, _("Saved. Somebody must sign in to the mailbox now."))
        return redirect("panel:consent", saved.mailbox.pk)
    messages.success(request, _what_next(saved))
    if (
        request.POST.get("then") == "test"
    ):  # what it shows is not to be had by a GET: the POST goes on to there
        return redirect("panel:check", saved.mailbox.pk, preserve_request=True)
    return redirect("panel:mailbox", saved.mailbox.pk)


def _as_stored(mailbox: Mailbox | None) -> Mailbox | None:
    return None if mailbox is None else Mailbox.objects.get(pk=mailbox.pk)


def _what_next(saved: store.Saved) -> str:
    if not saved.mailbox.active:
        return _("Saved. The mailbox is not active yet: test the connection, then activate it.")
    return _("Saved.")


def _activated() -> str:
    told = _("Activated: mail is looked for and sent from now on.")
    waiting = len(engine.unasked())  # `placet.work` asks them
    if not waiting:
        return told
    asked = ngettext(
        "{number} open question from before is asked by mail now.",
        "{number} open questions from before are asked by mail now.",
        waiting,
    )
    return f"{told} {asked.format(number=waiting)}"


def settings_page(
    request: PersonsRequest,
    mailbox: Mailbox | None,
    form: MailboxForm,
    *,
    filled_from: str = "",
    lookup: Lookup | None = None,
    more: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The tab with a form. `filled_from`: "guide" or "address", where its values come from there and nothing is
    stored. `more`: what a kind's own help in the form has to show."""
    context = {
        "mailbox": mailbox,
        "mailboxes": [(one, short_words(one)) for one in _listed()],
        "troubles": troubles_of(mailbox) if mailbox else (),
        "fix_needed": mailbox is not None and fix_needed(mailbox),
        "form": form,
        "filled_from": filled_from,
        "guide": guide_url(form.chosen.key),
        "first_kind": FIRST,
        "lookup": lookup or Lookup(),
        "expiry": _expiry(mailbox),
        **(beside_form(mailbox) if mailbox else {}),
        "consents": _consents(mailbox),
        "noticing": noticings([mailbox]).get(mailbox.pk) if mailbox else None,
        **(more or {}),
    }
    return render(request, "panel/remote_approval.html", context, status=status)


def _listed() -> QuerySet[Mailbox]:
    return Mailbox.present.only("name", "sending_kind", "trouble", "sending_trouble")[:50]


def _consents(mailbox: Mailbox | None) -> Mapping[str, bool]:
    """Of a mailbox that is signed in to by consent, whether somebody agreed. {} of others."""
    wanted = consent.requests_of(mailbox) if mailbox is not None else []
    if mailbox is None or not wanted:
        return {}
    return {"given": all(consent.is_given(mailbox, one) for one in wanted)}


def _expiry(mailbox: Mailbox | None) -> Mapping[str, Any]:
    """When the stored secret ends, in words, and whether that is soon."""
    secret = secret_health(mailbox) if mailbox is not None else None
    if secret is None:
        return {}
    if secret.days < 0:
        words = _("It has expired. Make a new one.")
    elif secret.days == 0:
        words = _("It expires today. Make a new one.")
    else:
        words = ngettext("It expires in {number} day.", "It expires in {number} days.", secret.days)
    return {"words": words.format(number=secret.days), "soon": secret.tone != "good"}


@administrators_only
def activate(request: PersonsRequest, pk: int) -> HttpResponse:
    """Switch a mailbox on, with its settings as they are stored: after a test that they passed, or all the same."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    if request.method == "POST":
        if has_passed(mailbox, request.POST.get("passed", "")) or request.POST.get("all_the_same") == "yes":
            _activate(request, mailbox)
        else:
            messages.warning(
                request,
                _(
                    "Not activated: the connection test must pass first, with the settings as they are stored now."
                ),
            )
    return redirect("panel:mailbox", pk)


def _activate(request: PersonsRequest, mailbox: Mailbox) -> None:
    try:
        saved = store.change({"active": True}, by=request.user.email, mailbox=mailbox)
    except SettingsInvalid as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _activated() if saved.activated else _what_next(saved))


# --- the end of one ---------------------------------------------------------------------------------------


@administrators_only
def remove(request: PersonsRequest, pk: int) -> HttpResponse:
    """Asked once more, with what hangs on it, before a mailbox is removed."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    if request.method == "POST":
        removal.remove(mailbox, by=request.user.email)
        messages.success(
            request,
            _("{mailbox} was removed. What it received and sent is still in the mail log.").format(
                mailbox=mailbox.name
            ),
        )
        return redirect("panel:remote_approval")
    unsent = mailbox.outgoing.filter(state__in=(OutgoingMail.State.WAITING, OutgoingMail.State.SENDING))
    # One by one, from what is open: asked with EXISTS, PostgreSQL goes through all mails that were ever sent, and
    # without the sum SQLite through those of the mailbox.
    lines = AskLine.objects.annotate(sent_from=F("ask__outgoing__mailbox") + 0)
    by_it = lines.filter(assignment=OuterRef("pk"), sent_from=mailbox.pk).values("pk")[:1]
    asked = Assignment.objects.annotate(line=Subquery(by_it)).filter(
        line__isnull=False, state=Assignment.State.OPEN
    )
    context = {
        "mailbox": mailbox,
        "unread": mailbox.incoming.filter(state=IncomingMail.State.KEPT).count(),
        "unsent": unsent.count(),
        "asked": asked.order_by()[: MOST_COUNTED + 1].count(),
        "most_counted": MOST_COUNTED,
    }
    return render(request, "panel/remote_approval/remove.html", context)


# --- while they are typed ---------------------------------------------------------------------------------


@sensitive_post_parameters()
@administrators_only
def check_fields(request: PersonsRequest) -> HttpResponse:
    """What saving would say of what is typed so far, in pieces for the page. Nothing is stored.

    Of fields that nobody came to yet nothing is said.
    """
    if request.method != "POST":
        return redirect("panel:remote_approval")
    mailbox = _named(request.POST.get("mailbox", ""))
    form = MailboxForm(request.POST, mailbox)
    left = request.headers.get("HX-Trigger-Name", "")
    about = form.typed() | {left}
    if mailbox is not None:
        about.update(form.secret_names)  # empty means the stored one, which another host may not have
    form.say(form.look(), about)
    filled = form.filled_in(left)
    return render(request, "panel/remote_approval/messages.html", {"rows": form.rows(), "filled": filled})


@sensitive_post_parameters()
@administrators_only
def mailbox_kind(request: PersonsRequest) -> HttpResponse:
    """The fields of the kind that was chosen, for the page; what was typed stays. Nothing is stored."""
    if request.method != "POST":
        return redirect("panel:remote_approval")
    mailbox = _named(request.POST.get("mailbox", ""))
    form = MailboxForm.of_another_kind(request.POST, mailbox)
    context = {"form": form, "mailbox": mailbox, "guide": guide_url(form.chosen.key), "first_kind": FIRST}
    return render(request, "panel/remote_approval/kind_fields.html", context)


def _named(pk: str) -> Mailbox | None:
    return Mailbox.present.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 10 else None


# --- by its address ---------------------------------------------------------------------------------------


@administrators_only
def look_up_mailbox(request: PersonsRequest) -> HttpResponse:
    """What is known of an address: asked when the button is pressed, so it is no GET. Nothing is stored, and no mail
    server is asked."""
    if request.method != "POST":
        return redirect("panel:new_mailbox")
    lookup = look_up(request.POST.get("address", ""))
    if request.headers.get("HX-Request"):
        return render(request, "panel/remote_approval/looked_up.html", {"lookup": lookup})
    return settings_page(request, None, MailboxForm(), lookup=lookup, status=422 if lookup.error else 200)


@administrators_only
def use_proposal(request: PersonsRequest) -> HttpResponse:
    """The form with what was proposed in it, looked at but not stored."""
    if request.method != "POST":
        return redirect("panel:new_mailbox")
    names = {
        row.name for kind in all_kinds().values() for row in kind.settings_class.rows if row.kind != "secret"
    }
    given = {name: request.POST.get(name, "") for name in (*names, store.KIND, store.SENDING_KIND)}
    return settings_page(request, None, MailboxForm.filled(given, None), filled_from="address")


# --- the test ---------------------------------------------------------------------------------------------


@sensitive_post_parameters()
@administrators_only
def check(request: PersonsRequest, pk: int) -> HttpResponseBase:
    """The connection test, with the settings as they are stored. It sends mail, so it is no GET."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    if request.method != "POST":
        return redirect("panel:mailbox", pk)
    run = run_for(mailbox, must_stay_closed(mailbox, first=request.user.email))
    context = {"mailbox": mailbox, "steps_here": STEPS_HERE}
    page = render_to_string("panel/remote_approval/test.html", context, request)
    return TestPage(request, mailbox, page).response(run)


class TestPage:
    """The page of the test in the pieces that it is sent in: a step as soon as it is done. `verdict` is the template
    of its last part."""

    def __init__(
        self,
        request: PersonsRequest,
        mailbox: Mailbox,
        page: str,
        verdict: str = VERDICT_PART,
    ) -> None:
        self._request = request
        self._mailbox = mailbox
        self._verdict = verdict
        self._top, _cut, self._bottom = page.partition(STEPS_HERE)

    def response(self, run: Run | Check) -> HttpResponseBase:
        response = StreamingHttpResponse(self.pieces(run))
        response.headers["X-Accel-Buffering"] = "no"  # a proxy shall pass on each step when it comes
        return response

    def pieces(self, run: Run | Check) -> Iterator[str]:
        yield self._top
        if isinstance(run, Check):
            yield self._piece(STEP_PART, check=run, support=self._support(run))
            yield self._piece(self._verdict) + self._bottom
            return
        yield from self._steps(run)
        if run.passed and run.as_stored:
            pool.tested(self._mailbox)
        titles = (check.title for check in run.done if check.warning)
        look_at = ", ".join(_("“{name}”").format(name=title) for title in titles)
        how = {
            "passed": run.passed,
            "look_at": look_at,
            "broke_off": run.broke_off,
            "proof": proof_of(run) if run.passed else "",
        }
        yield self._piece(self._verdict, **how) + self._bottom

    def _steps(self, run: Run) -> Iterator[str]:
        waiting = list(run.steps.items())
        total = len(waiting)
        yield self._waiting(waiting, total)
        for check in run.follow():
            if check is None:
                yield "\n"
                continue
            left_out = []
            while waiting and check.key in run.steps and waiting[0][0] != check.key:
                left_out.append(waiting.pop(0)[1])
            waiting = waiting[1:]
            done = self._piece(
                STEP_PART,
                check=check,
                left_out=left_out,
                support=self._support(check),
            )
            yield done + self._waiting(waiting, total)
        if waiting:
            yield self._piece(LEFT_OUT_PART, left_out=[title for _key, title in waiting])

    def _waiting(self, steps: list[tuple[str, str]], total: int) -> str:
        """The step that runs now, and those after it. Hidden by the style sheet as soon as something follows."""
        titles = [title for _key, title in steps]
        number = total - len(steps) + 1
        return self._piece(WAITING_PART, titles=titles, number=number, total=total) if titles else ""

    def _support(self, check: Check) -> str:
        """What Microsoft's support asks for."""
        if check.ok:
            return ""
        facts = {
            "step": check.key,
            "time": timezone.now().isoformat(timespec="seconds"),
            "mailbox": self._mailbox.address,
            "application": self._mailbox.settings.get("client_id", ""),
            **(check.facts or {}),
        }
        return "\n".join(f"{name}: {value}" for name, value in facts.items() if value)

    def _piece(self, name: str, **context: Any) -> str:
        # The middleware that chose language and time zone is over when this is called.
        with as_read_by(self._request.user, of_request(self._request)):
            return render_to_string(name, {"mailbox": self._mailbox, **context}, self._request)
