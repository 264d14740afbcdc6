"""Requests and who was asked what, changed by `placet.approvals.engine` only; processes and tables."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import Q

from placet.accounts.models import Delegation, Group, Person
from placet.approvals.process_models import DraftRevision as DraftRevision
from placet.approvals.process_models import Process as Process
from placet.approvals.process_models import ProcessDraft as ProcessDraft
from placet.approvals.process_models import Version as Version
from placet.approvals.start_models import MailedStart as MailedStart
from placet.approvals.table_models import AuthorityTable as AuthorityTable
from placet.approvals.table_models import TableDraft as TableDraft
from placet.approvals.table_models import TableVersion as TableVersion
from placet.lib import clock
from placet.lib.fields import HexField
from placet.lib.ids import uuid7
from placet.lib.sentences import Sentence
from placet.mail.models import IncomingMail, OutgoingMail


class Request(models.Model):
    """One run of a version."""

    class State(models.TextChoices):
        OPEN = "open", "waiting"
        ENDED = "ended", "ended"
        WITHDRAWN = "withdrawn", "withdrawn"

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    number = models.PositiveIntegerField(unique=True)  # for people: "request 42"
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="requests")
    requester = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="requests")
    # Who started it in the requester's name, by API; None: the requester, or a step.
    started_by = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # Of the step that called it, once.
    parent_visit = models.OneToOneField("Visit", null=True, on_delete=models.PROTECT, related_name="called")
    title = models.CharField(max_length=200)
    data = models.JSONField()  # of the newest revision
    data_hash = HexField()
    revision = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    result = models.CharField(max_length=40, blank=True)  # of the end step that was reached
    words = models.TextField(
        default="", editable=False
    )  # title and facts, casefolded: what a search looks in
    created_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        # A person's newest without sorting all of theirs, and what still runs without all that has ended.
        indexes = [
            models.Index(fields=["requester", "-id"], name="request_newest_of_person"),
            models.Index(fields=["requester", "-id"], condition=Q(state="open"), name="request_running"),
            models.Index(fields=["version"], condition=Q(state="open"), name="request_running_by_version"),
            # Reports count by day what began and what ended.
            models.Index(fields=["created_at"], name="request_by_start"),
            models.Index(fields=["closed_at"], condition=Q(closed_at__isnull=False), name="request_by_end"),
            models.Index(
                fields=["started_by", "-id"],
                condition=Q(started_by__isnull=False),
                name="request_started_for",
            ),
        ]

    def is_made_by(self, person: Person) -> bool:
        """Whether it is their own: they asked, or started it in somebody's name."""
        return person.pk in (self.requester_id, self.started_by_id)

    def __str__(self) -> str:
        return f"{self.number}: {self.title}"


class Draft(models.Model):
    """A form that somebody has not sent yet, as they typed it."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="drafts")
    process = models.ForeignKey(Process, on_delete=models.PROTECT, related_name="drafts")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+")  # whose form it was
    data = models.JSONField(default=dict)  # text by field, not checked
    saved_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "process"], name="one_draft_per_person_and_process")
        ]


class Attachment(models.Model):
    """A file that belongs to a request, or to what is not sent yet: the form of one, or an answer. Written by
    `placet.approvals.attachments` only; its content never changes."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    request = models.ForeignKey(Request, null=True, on_delete=models.PROTECT, related_name="attachments")
    draft = models.ForeignKey(Draft, null=True, on_delete=models.CASCADE, related_name="attachments")
    # Of whoever is asked, who has not answered with it. Its index has only those.
    assignment = models.ForeignKey(
        "Assignment", null=True, on_delete=models.PROTECT, related_name="attachments", db_index=False
    )
    field = models.CharField(max_length=60)
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100, blank=True)  # as the browser said; nothing relies on it
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(request__isnull=False, draft__isnull=True, assignment__isnull=True)
                | Q(request__isnull=True, draft__isnull=False, assignment__isnull=True)
                | Q(request__isnull=True, draft__isnull=True, assignment__isnull=False),
                name="attachment_has_one_place",
            )
        ]
        indexes = [
            models.Index(
                fields=["assignment"], condition=Q(assignment__isnull=False), name="attachment_of_answer"
            )
        ]
        ordering = ["id"]


class Counter(models.Model):
    """The last number given to a request; locked while the next one is taken."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    last = models.PositiveIntegerField(default=0)


class Revision(models.Model):
    """A numbered state of a request's data. Of a request whose data never changed there is none: it is at 1."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveSmallIntegerField()
    data = models.JSONField()
    data_hash = HexField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    assignment = models.ForeignKey(
        "Assignment", null=True, on_delete=models.PROTECT, related_name="revisions"
    )  # whose answer made it; none of the first
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "number"], name="one_revision_per_number")]
        ordering = ["request", "number"]


class Visit(models.Model):
    """One time that a request is in a step. Of a parallel step it lasts as long as its branches."""

    class State(models.TextChoices):
        OPEN = "open"
        STUCK = "stuck"  # nobody can be asked; an administrator has to help
        HELD = "held"  # decided; the way on waits, because an answer can still be undone
        CLOSED = "closed"
        CANCELLED = "cancelled"  # another branch made it needless

    LIVE = (State.OPEN, State.STUCK, State.HELD)

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="visits")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    branch = models.CharField(max_length=60, blank=True, default="")  # of the parent
    branch_result = models.CharField(max_length=40, blank=True, default="")  # of a branch's last visit
    ended_by = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    step_key = models.CharField(max_length=60)
    round = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    result = models.CharField(max_length=40, blank=True)
    held_result = models.CharField(
        max_length=40, blank=True, default=""
    )  # while it is held: what it comes to
    reason = models.TextField(
        blank=True
    )  # why it is stuck, in the installation's language, as the record has it
    why = models.JSONField(
        default=dict
    )  # the same for readers of other languages; {} where it was no Sentence
    asked_back = models.PositiveSmallIntegerField(
        default=0
    )  # how often the requester was asked something here
    opened_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "step_key", "round"], name="one_visit_per_round"),
            models.UniqueConstraint(
                fields=["request"],
                condition=Q(parent__isnull=True, state__in=("open", "stuck", "held")),
                name="one_live_visit_at_the_root",
            ),
            models.UniqueConstraint(
                fields=["parent", "branch"],
                condition=Q(parent__isnull=False, state__in=("open", "stuck", "held")),
                name="one_live_visit_per_branch",
            ),
        ]
        indexes = [
            models.Index(fields=["opened_at"], condition=Q(state="stuck"), name="visit_stuck"),
            # Open, and nobody else could be asked when it was not decided in time.
            models.Index(
                fields=["opened_at"], condition=Q(state="open") & ~Q(reason=""), name="visit_not_escalated"
            ),
        ]
        ordering = ["id"]

    @property
    def reason_as_read(self) -> str:
        """Why it is stuck, in the language of whoever reads now."""
        return str(Sentence.from_json(self.why)) if self.reason and self.why else self.reason


class TableMatch(models.Model):
    """The rows of an authority table by which people are asked in a visit. As long as the visit lasts it looks in this
    version."""

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="table_matches")
    line = models.PositiveSmallIntegerField()  # of the step's `ask`
    version = models.ForeignKey(TableVersion, on_delete=models.PROTECT, related_name="matches")
    rows = models.JSONField()  # their numbers, from 1

    class Meta:
        constraints = [models.UniqueConstraint(fields=["visit", "line"], name="one_table_match_per_line")]
        ordering = ["id"]


class Assignment(models.Model):
    """One person asked in one visit."""

    class State(models.TextChoices):
        OPEN = "open"
        DECIDED = "decided"
        KEPT = "kept"  # not asked: what they decided in an earlier visit of the step still counts
        SUPERSEDED = "superseded"  # others had decided the step before
        WITHDRAWN = "withdrawn"  # the request was withdrawn, or the person no longer answers here

    COUNTED = (State.DECIDED, State.KEPT)  # by the rule of the step

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="assignments")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="assignments")
    source = models.PositiveSmallIntegerField(null=True)  # which line of the step's `ask` named them
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    created_at = models.DateTimeField(default=clock.now)
    page_only = models.BooleanField(default=False)  # asked while there was no mailbox: no mail says so yet
    replaced_by = models.PositiveSmallIntegerField(
        null=True
    )  # the rung of the step that put others in their place
    # Whom the step names in this place, where somebody else was put into it (`placet.approvals.reassigning`).
    in_place_of = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # Who put whoever has the seat there, and what they wrote; None: the step names them.
    reassigned_by = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reassigned_comment = models.TextField(blank=True, default="")
    has_delegates = models.BooleanField(default=False)  # or had: then there are rows of `Delegate`
    absent_at = models.DateTimeField(null=True)  # since when an automatic reply says that they are away
    # An earlier decision of theirs that counts here, too.
    kept = models.ForeignKey(
        "Decision", null=True, on_delete=models.PROTECT, related_name="kept_by", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["visit", "person"], name="one_assignment_per_person"),
            models.CheckConstraint(
                condition=Q(state="kept", kept__isnull=False) | (~Q(state="kept") & Q(kept__isnull=True)),
                name="what_is_kept_is_a_decision",
            ),
        ]
        indexes = [
            models.Index(fields=["person", "id"], condition=Q(state="open"), name="assignment_open_in_order"),
            # How long the longest has been open.
            models.Index(fields=["created_at"], condition=Q(state="open"), name="assignment_open_since"),
            models.Index(
                fields=["id"], condition=Q(page_only=True, state="open"), name="assignment_page_only"
            ),
            models.Index(
                fields=["person"],
                condition=Q(absent_at__isnull=False, state="open"),
                name="assignment_absent",
            ),
            models.Index(fields=["kept"], condition=Q(kept__isnull=False), name="assignment_kept"),
        ]
        ordering = ["id"]

    @property
    def counted(self) -> "Decision":
        """The decision that counts for this seat, which is one of `COUNTED`."""
        if self.state == Assignment.State.KEPT:
            assert self.kept is not None
            return self.kept
        return self.decision

    @property
    def named_person_id(self) -> int:
        """Whose place it is: the id of the person whom the step names there."""
        return self.in_place_of_id or self.person_id

    def successor(self, beside: "Iterable[Assignment]") -> "Assignment | None":
        """Of whoever was put in this one's place, while they have not left it. `beside`: all seats of the visit."""
        if self.state != Assignment.State.WITHDRAWN:
            return None
        put_there = (one for one in beside if one.in_place_of_id == self.named_person_id)
        return next((one for one in put_there if one.state != Assignment.State.WITHDRAWN), None)


class Absence(models.Model):
    """Somebody is away, as an automatic reply of theirs to a mail that asked says: so they are for everything that they
    are asked, until it ends (`placet.approvals.absences`)."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="absences", db_index=False)
    incoming = models.OneToOneField(IncomingMail, on_delete=models.PROTECT, related_name="+")  # that reply
    proof = models.CharField(max_length=10)  # how its sender was proved, as processes name it
    since = models.DateTimeField()  # when the server received it
    until = models.DateTimeField()  # it ends then by itself
    ended_at = models.DateTimeField(null=True)
    # Who was back, or an administrator who said so; None: it ended by itself.
    ended_by = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    changed_at = models.DateTimeField(default=clock.now)  # by our clock: began, or ended
    due = models.DateTimeField(null=True)  # when the open questions of the person are looked at next

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(ended_at__isnull=True), name="one_absence_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["person", "ended_at"], name="absence_of_person"),
            models.Index(fields=["due", "id"], condition=Q(due__isnull=False), name="absence_due"),
        ]
        ordering = ["id"]


class Delegate(models.Model):
    """Somebody who may answer in the place of whoever is asked. The seat stays theirs, and has one decision, so the
    first of both answers counts."""

    class Why(models.TextChoices):
        STANDING = "standing"  # a delegation is in force
        ABSENCE = "absence"  # one for absences, and an automatic reply came
        GIVEN = "given"  # somebody gave this one question to them

    class State(models.TextChoices):
        OPEN = "open"
        ENDED = "ended"  # while the question was open; `reason` says why
        OVER = "over"  # with the question itself

    class Reason(models.TextChoices):
        DELEGATION = "delegation"  # it is not in force any more, or the question is none that it is about
        LEFT = "left"  # the delegate is not active any more
        BARRED = "barred"  # the delegate, or whoever is asked, answered elsewhere in this request
        BACK = "back"  # whoever was absent is there again
        TAKEN_BACK = "taken_back"  # whoever gave the question to them wants it back

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="delegates")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=10, choices=Why)
    delegation = models.ForeignKey(
        Delegation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # None where it was given
    by = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # who gave it
    comment = models.TextField(blank=True)  # of whoever gave it
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    reason = models.CharField(max_length=10, choices=Reason, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "person"], name="one_delegate_per_person_and_seat")
        ]
        indexes = [
            models.Index(fields=["person", "assignment"], condition=Q(state="open"), name="delegate_open")
        ]
        ordering = ["id"]


class Notified(models.Model):
    """Somebody who was told of a request in a visit of a notice. Nobody waits for them; they may see its page."""

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="notified")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    source = models.PositiveSmallIntegerField()  # which line of the notice's `to` named them
    outgoing = models.OneToOneField(
        OutgoingMail, null=True, on_delete=models.PROTECT, related_name="notified"
    )
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["visit", "person"], name="one_notice_per_person")]
        ordering = ["id"]


class Signal(models.Model):
    """Something that happened outside. It is kept until a step takes it that waits for it, and ends one wait."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="signals")
    key = models.CharField(max_length=40)
    by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    taken_by = models.OneToOneField(Visit, null=True, on_delete=models.PROTECT, related_name="signal_taken")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "key"],
                condition=Q(taken_by__isnull=True),
                name="one_signal_waiting_per_key",
            )
        ]
        ordering = ["id"]


class CallTask(models.Model):
    """Something that is to be done for a visit of a step that calls another process."""

    class What(models.TextChoices):
        START = "start"  # its request
        GO_ON = "go on"  # with what that came to
        WITHDRAW = "withdraw"  # it, which is not needed any more

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="call_tasks")
    what = models.CharField(max_length=10, choices=What)
    due = models.DateTimeField(default=clock.now)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["visit", "what"], name="one_call_task_of_each")]
        indexes = [models.Index(fields=["due", "id"], condition=Q(done_at=None), name="call_task_due")]


class Timer(models.Model):
    """A moment at which something of a visit is due. It acts once at most, and not before its moment."""

    class What(models.TextChoices):
        DUE = "due"  # the deadline itself: from then on the step is late
        REMIND = "remind"  # whoever is asked; with an assignment one of them, in their own hours
        ESCALATE = "escalate"  # others are asked, too, or instead
        WARN = "warn"  # of the end: 0 whoever is asked, as REMIND does; 1 the requester, in their own hours
        EXPIRE = "expire"
        GO_ON = "go on"  # the step waited for this moment
        RESUME = "resume"  # the clock, which stands because the requester was asked something; `number` counts pauses
        EFFECTIVE = "effective"  # what it was decided takes effect; `number` counts how often it was decided

    class State(models.TextChoices):
        WAITING = "waiting"
        ACTED = "acted"
        NEEDLESS = "needless"  # the step was decided before, or there was nobody to remind
        PAUSED = "paused"  # the clock stands, and `at` with it: it moves when the clock goes on

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="timers")
    what = models.CharField(max_length=10, choices=What)
    number = models.PositiveSmallIntegerField(default=0)  # of the step's reminders, or rungs
    assignment = models.ForeignKey(
        Assignment, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # The calendar that it was reckoned with, and up to which version of it that was compared (`calendar_moves`).
    calendar = models.CharField(max_length=50, default="")
    seen_version = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    due = models.DateTimeField()  # when it is looked at: `at`, or later, where something else is waited for
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    acted_at = models.DateTimeField(null=True)  # or when it was seen to be needless
    basis = models.JSONField(
        default=dict
    )  # what it was reckoned by: calendar, its version, the moment it counts from

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["visit", "what", "number"],
                condition=Q(assignment__isnull=True),
                name="one_timer_of_each",
            ),
            models.UniqueConstraint(
                fields=["visit", "what", "number", "assignment"],
                condition=Q(assignment__isnull=False),
                name="one_timer_of_each_per_assignment",
            ),
        ]
        indexes = [
            models.Index(fields=["due", "id"], condition=Q(state="waiting"), name="timer_due"),
            # Reports count by day the deadlines that passed.
            models.Index(fields=["at"], condition=Q(what="due", state="acted"), name="timer_missed"),
            models.Index(
                fields=["calendar", "seen_version", "visit"],
                condition=Q(state="waiting", assignment=None),
                name="timer_by_calendar",
            ),
        ]
        ordering = ["at", "id"]


class Stop(models.Model):
    """The moment at which a request ends, wherever it stands, because it has lasted as long as its process lets it. One
    for a request, from its start: it acts once at most, and not before its moment."""

    class State(models.TextChoices):
        WAITING = "waiting"
        ACTED = "acted"
        NEEDLESS = "needless"  # the request ended before

    request = models.OneToOneField(Request, on_delete=models.PROTECT, related_name="stop")
    at = models.DateTimeField()
    due = models.DateTimeField()  # when it is looked at: `at`, or later, where mail may still be unread
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    acted_at = models.DateTimeField(null=True)  # or when the request had ended
    basis = models.JSONField()  # what it was reckoned by: calendar, its version, the moment it counts from

    class Meta:
        indexes = [models.Index(fields=["due", "id"], condition=Q(state="waiting"), name="stop_due")]


class Turn(models.Model):
    """Whose turn it was last in a group that is asked in turn."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="+")
    last = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")


class PendingAnswer(models.Model):
    """An answer by mail that lacks something: a clear one the comment that its outcome requires, one that is not clear
    a yes to what it was understood as. It decides nothing: an answer to a mail that asks for the rest
    (`AskLine.completes`) makes it whole."""

    class Lacks(models.TextChoices):
        COMMENT = "comment"
        CONFIRMATION = "confirmation"

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="pending_answers")
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # who answered: whoever is asked, or a delegate
    outcome = models.CharField(max_length=40)
    comment = models.TextField(blank=True)
    answers = models.JSONField(default=dict)
    lacks = models.CharField(max_length=20, choices=Lacks, default=Lacks.COMMENT)
    language = models.CharField(max_length=20, blank=True)  # in which a confirmation was asked for
    incoming = models.OneToOneField(IncomingMail, on_delete=models.PROTECT, related_name="pending_answer")
    # The later mail that leaves it in doubt, or answers otherwise; then nothing completes it any more.
    lapsed_by = models.ForeignKey(IncomingMail, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "person"],
                condition=Q(lapsed_by__isnull=True),
                name="one_pending_answer_at_a_time",
            )
        ]


class Clarification(models.Model):
    """A question that somebody who is asked put to the requester, and the answer. The step stays as it is. Both are
    other people's words: wherever they are shown they are text and nothing else."""

    class State(models.TextChoices):
        OPEN = "open"
        ANSWERED = "answered"
        NEEDLESS = "needless"  # decided before, or whoever asked is asked no longer

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="clarifications")
    number = models.PositiveSmallIntegerField()  # in its visit, from 1
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="clarifications")
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    question = models.TextField()
    asked_at = models.DateTimeField()
    channel = models.CharField(max_length=10, choices=[("mail", "by mail"), ("page", "on the page")])
    incoming = models.OneToOneField(IncomingMail, null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    pauses = models.BooleanField(default=False)  # the step's clock stands as long as this is open
    answer = models.TextField(blank=True)
    answered_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    answer_channel = models.CharField(max_length=10, blank=True)
    answer_incoming = models.OneToOneField(
        IncomingMail, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["visit", "number"], name="one_clarification_per_number"),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(state="open"), name="one_open_clarification_per_assignment"
            ),
        ]
        indexes = [
            models.Index(fields=["visit"], condition=Q(state="open"), name="clarification_open"),
        ]
        ordering = ["id"]


class Ask(models.Model):
    """One mail that asks one person. Its reply code is stored as a keyed hash only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code_hash = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="asks")
    outgoing = models.OneToOneField(OutgoingMail, null=True, on_delete=models.PROTECT, related_name="ask")
    created_at = models.DateTimeField(default=clock.now)


class AskLine(models.Model):
    """One question of an ask. `facts_hash` is what was shown: an answer holds only for that."""

    ask = models.ForeignKey(Ask, on_delete=models.PROTECT, related_name="lines")
    line = models.PositiveSmallIntegerField()
    # Of a digest: whether the mail shows the number, so that a reply can name it. What is not is answered on the page.
    numbered = models.BooleanField(default=True)
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="ask_lines")
    facts_hash = HexField()
    revision = models.PositiveSmallIntegerField(default=1)  # of the data that was shown
    completes = models.ForeignKey(
        PendingAnswer, null=True, on_delete=models.PROTECT, related_name="lines"
    )  # the answer that it asks for the rest of
    # What it asks the requester, who is not the one that the assignment is of; an answer to it decides nothing.
    asks_back = models.ForeignKey(
        Clarification, null=True, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    # What it shows with the requester's answer.
    clarified = models.ForeignKey(
        Clarification, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ask", "line"], name="one_ask_line_per_number")]
        indexes = [
            models.Index(
                fields=["asks_back"], condition=Q(asks_back__isnull=False), name="ask_line_asks_back"
            )
        ]


class DigestItem(models.Model):
    """What somebody is asked, or reminded of, in their next digest (`placet.approvals.digests`). The assignment is open
    meanwhile, and stands on their page."""

    class State(models.TextChoices):
        WAITING = "waiting"
        ASKED = "asked"  # by the mail of `ask`: a digest, or one of its own
        NEEDLESS = "needless"  # decided, or not needed any more, before it was asked by mail

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="digest_items")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    reminder = models.BooleanField(default=False)  # an earlier mail asks it
    at = models.DateTimeField()  # when the digest goes out
    due = (
        models.DateTimeField()
    )  # when it is looked at: `at`, or another moment, where it is hurried or failed
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    ask = models.ForeignKey(Ask, null=True, on_delete=models.PROTECT, related_name="digest_items")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(state="waiting"), name="one_waiting_digest_item"
            )
        ]
        indexes = [
            models.Index(fields=["due", "person"], condition=Q(state="waiting"), name="digest_item_due"),
            models.Index(fields=["person"], condition=Q(state="waiting"), name="digest_item_of_person"),
        ]
        ordering = ["id"]


class Decision(models.Model):
    """The outcome that counted for an assignment: one for each, for ever."""

    class Channel(models.TextChoices):
        MAIL = "mail", "by mail"
        PAGE = "page", "on the page"
        API = "api", "by API"

    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT, related_name="decision")
    outcome = models.CharField(max_length=40)
    answers = models.JSONField(default=dict)
    revision = models.PositiveSmallIntegerField(default=1)  # of the data that was decided on
    comment = models.TextField(blank=True)
    by_person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="decisions")
    channel = models.CharField(max_length=10, choices=Channel)
    incoming = models.ForeignKey(IncomingMail, null=True, on_delete=models.PROTECT, related_name="decisions")
    # Where `incoming` gave what an earlier answer lacked. Its index is that of the constraint.
    completes = models.ForeignKey(
        PendingAnswer, null=True, on_delete=models.PROTECT, related_name="decisions", db_index=False
    )
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["completes"], condition=Q(completes__isnull=False), name="an_answer_is_completed_once"
            )
        ]
        indexes = [models.Index(fields=["by_person", "-at", "-id"], name="decision_newest_of_person")]


class UndoneDecision(models.Model):
    """A decision that whoever gave it took back. It is none any more: all that counts decisions counts those of
    `Decision`, where the seat may have another one since."""

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="undone_decisions")
    outcome = models.CharField(max_length=40)
    answers = models.JSONField(default=dict)
    revision = models.PositiveSmallIntegerField(default=1)
    comment = models.TextField(blank=True)
    by_person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="undone_decisions")
    channel = models.CharField(max_length=10, choices=Decision.Channel)
    incoming = models.ForeignKey(
        IncomingMail, null=True, on_delete=models.PROTECT, related_name="undone_decisions"
    )
    completes = models.ForeignKey(
        PendingAnswer, null=True, on_delete=models.PROTECT, related_name="undone_decisions"
    )
    at = models.DateTimeField()  # when it was given
    undone_at = models.DateTimeField()
    undone_channel = models.CharField(max_length=10, choices=Decision.Channel)
    undone_incoming = models.ForeignKey(
        IncomingMail, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # the mail that said so

    class Meta:
        ordering = ["id"]

    @property
    def counts_from(self) -> datetime:
        """What was received before says nothing any more of what its sender wants: a mail counts by its receipt."""
        mail = self.undone_incoming
        return self.undone_at if mail is None else min(self.undone_at, mail.receipt_time)
