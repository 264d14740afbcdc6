"""One call of the API: whose key it came with, what it may do and see, and what its answer says beside the body."""

from dataclasses import dataclass, field

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase

from placet.accounts.general import of_request
from placet.accounts.models import Person
from placet.api.keys import Scope
from placet.api.models import Key
from placet.api.problems import Problem
from placet.approvals.models import Process, Request
from placet.approvals.visibility import requests_visible_to

BASE = "/api/v1"


@dataclass
class Call:
    """`person`: whose key it is, as whom everything is done. `headers`: of the answer."""

    key: Key
    http: HttpRequest
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def person(self) -> Person:
        return self.key.person

    def has(self, scope: Scope) -> bool:
        return scope in self.key.scopes

    def must_have(self, scope: Scope) -> None:
        """For what one value of a body asks for; an operation's own scope was looked at before."""
        if not self.has(scope):
            raise Problem("scope-missing", f"This needs a key with the scope {scope.value}.")

    def covers(self, process: str) -> bool:
        """Whether the key may be used for a process, by the process's key."""
        return not self.key.processes or process in self.key.processes

    def processes(self) -> QuerySet[Process]:
        every = Process.objects.all()
        return every.filter(key__in=self.key.processes) if self.key.processes else every

    def requests(self) -> QuerySet[Request]:
        """What the person sees on the pages, within the processes of the key. Anything else does not exist."""
        visible = requests_visible_to(self.person)
        if not self.key.processes:
            return visible
        return visible.filter(version__process__key__in=self.key.processes)

    @property
    def public_url(self) -> str:
        """Without a slash at its end."""
        return str(of_request(self.http).public_url)

    def url(self, path: str) -> str:
        """The address of an operation; `path` begins with a slash."""
        return f"{self.public_url}{BASE}{path}"


def call_of(request: HttpRequest) -> Call:
    """The call that `operation` has found out who makes it."""
    call = getattr(request, "auth", None)
    assert isinstance(call, Call)
    return call


def add_headers(request: HttpRequest, response: HttpResponseBase) -> None:
    """What was learnt of the call while it was answered, be it refused or not."""
    call = getattr(request, "placet_call", None)
    if isinstance(call, Call):
        for name, value in call.headers.items():
            response.headers.setdefault(name, value)
