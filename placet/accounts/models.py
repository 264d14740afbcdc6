"""People, their groups, when they work, and the installation they belong to.

A person's addresses are django-allauth's `EmailAddress` rows: a confirmed one belongs to one person only (its
unique constraint). `placet.accounts.addresses` is the one place that reads and writes them.
"""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q

from placet.lib import clock


class Calendar(models.Model):
    """When people work. What it says stands in its versions (`placet.accounts.calendars`)."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class CalendarVersion(models.Model):
    """The hours of a calendar. Immutable: what was reckoned with them names the version, and can be reckoned again."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    zone = models.CharField(max_length=64)
    week = models.JSONField()  # of Monday, Tuesday, ...: [first, last] minute of each span
    country = models.CharField(max_length=10, blank=True)  # whose holidays are closed; empty: nobody's
    subdivision = models.CharField(max_length=60, blank=True)  # of that country; empty: all of it
    categories = models.JSONField(default=list)  # of the library's holidays
    days = models.JSONField(default=list)  # own ones: {"day": "2026-12-24", "name": "…", "spans": []}
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey("accounts.Person", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["calendar", "number"], name="one_calendar_version_per_number")
        ]


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "Person":
        person = self.model(email=email.strip().lower(), **fields)
        person.set_password(password)
        person.save()
        return person

    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(email=username)


class Person(AbstractBaseUser):
    """Everybody who asks, answers or administers."""

    email = models.EmailField(unique=True)  # the address they sign in with and are written to
    name = models.CharField(max_length=200)
    language = models.CharField(max_length=10, blank=True)  # of pages and mails; empty: the installation's
    zone = models.CharField(max_length=64, blank=True)
    # When they work; None: as the installation.
    calendar = models.ForeignKey(
        Calendar, null=True, blank=True, on_delete=models.SET_NULL, related_name="people"
    )
    manager = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reports"
    )
    #: Up to which amount they approve by themselves; none is set for somebody who never does.
    approval_limit = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    # Mails that ask them: one by one, or collected until their working day begins.
    in_digests = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    is_administrator = models.BooleanField(default=False)
    is_process_owner = models.BooleanField(default=False)  # may make processes (`placet.approvals.owning`)
    # When they last did something on the page of a request, or started one (`placet.approvals.absences`).
    acted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["name", "id"], name="person_in_order"),
            # The few among all, whom alarms, requests that are stuck and the installation itself look for.
            models.Index(
                fields=["name", "id"], condition=Q(is_administrator=True), name="person_administers"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email


class Group(models.Model):
    """People who can be asked together."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    members = models.ManyToManyField(Person, related_name="approval_groups", blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Delegation(models.Model):
    """Who may answer in somebody's place, when and about what (`placet.accounts.delegations`). It is never changed: one
    is ended, and another one made."""

    class When(models.TextChoices):
        DATES = "dates"  # from its first moment to its last
        ABSENT = "absent"  # within them, where an automatic reply says that the delegator is away

    delegator = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="delegations")
    delegate = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="delegations_to")
    when = models.CharField(max_length=10, choices=When, default=When.DATES)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)  # None: until it is ended
    zone = models.CharField(max_length=64, blank=True)  # in which its days were entered; empty: none were
    # What it is about; all empty: everything.
    processes = models.JSONField(default=list)  # keys
    groups = models.JSONField(default=list)  # keys: where they are asked as one of these
    amount_below = models.DecimalField(max_digits=15, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)  # of that amount
    only_delegate = models.BooleanField(default=False)  # gets mail; the delegator finds it on the page
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)  # before its last moment
    ended_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    due = models.DateTimeField(null=True)  # when open questions are looked at next: it began or ended

    class Meta:
        indexes = [
            models.Index(fields=["due", "id"], condition=models.Q(due__isnull=False), name="delegation_due")
        ]
        ordering = ["id"]


class TrustedAuthority(models.Model):
    """One whose certificates prove who signed a mail (S/MIME). `placet.accounts.trust`."""

    name = models.CharField(max_length=300)  # as the certificate has it
    fingerprint = models.CharField(max_length=64, unique=True)  # SHA-256 of it, hexadecimal
    content = models.BinaryField()  # the certificate, DER
    ends_at = models.DateTimeField()
    # Whether a certificate counts only if a current list of its issuer's revoked ones is here and does not name it.
    needs_list = models.BooleanField(default=True)
    added_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["name", "id"]


class RevocationList(models.Model):
    """Which certificates an authority, or one below it, revoked (RFC 5280 5): the newest that was entered of each."""

    issuer = models.CharField(max_length=300)  # as the list has it
    issuer_hash = models.CharField(max_length=64, unique=True)  # SHA-256 of the whole name
    content = models.BinaryField()  # the list, DER
    fingerprint = models.CharField(max_length=64)  # SHA-256 of it, hexadecimal
    updated_at = models.DateTimeField()  # as it says
    next_update_at = models.DateTimeField()  # after which it no longer counts
    added_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["issuer", "id"]


class SignerKey(models.Model):
    """A certificate or an OpenPGP key of one person, which an administrator entered: it needs no authority."""

    class Scheme(models.TextChoices):
        SMIME = "smime", "S/MIME"
        OPENPGP = "openpgp", "OpenPGP"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="signer_keys")
    scheme = models.CharField(max_length=10, choices=Scheme)
    name = models.CharField(max_length=300)  # as it says itself, which proves nothing
    fingerprint = models.CharField(max_length=64, unique=True)  # hexadecimal
    content = models.BinaryField()  # the certificate (DER), or the key
    ends_at = models.DateTimeField(null=True)  # None: it does not say
    added_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["id"]


class Installation(models.Model):
    """One row: what this database knows about the installation it belongs to.

    What the General tab holds is read through `placet.accounts.general`: the operator's settings win over it.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    key_check = (
        models.TextField()
    )  # derived from secret.key, encrypted with encryption.keys: tells wrong keys from right
    created_at = models.DateTimeField(default=clock.now)
    tidied_at = models.DateTimeField(null=True)  # see placet.accounts.tidy

    organisation = models.CharField(max_length=200, blank=True)
    logo = models.BinaryField(null=True)  # PNG, as placet made it of what was uploaded
    home_url = models.URLField(max_length=500, blank=True)
    terms_url = models.URLField(max_length=500, blank=True)
    privacy_url = models.URLField(max_length=500, blank=True)
    public_url = models.URLField(max_length=500, blank=True)  # without a slash at its end
    zone = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=10, blank=True)
    # Of whoever has no other; None: the built-in one.
    calendar = models.ForeignKey(
        Calendar, null=True, blank=True, on_delete=models.PROTECT, related_name="installations"
    )
    log_level = models.CharField(max_length=10, blank=True)
    private_targets = models.JSONField(default=list)  # text, as `placet.lib.outward` reads them
    person_figures = models.BooleanField(default=True)  # see placet.accounts.person_figures

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation")]
