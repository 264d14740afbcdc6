"""A JMAP server's HTTP: the session, calls of methods, and the bytes of mails, down and up (RFC 8620 3 and 6)."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests
import structlog
from django.utils.translation import gettext as _
from pydantic import SecretStr
from requests.auth import AuthBase, HTTPBasicAuth

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailError, Refused, Wait

from . import errors
from .errors import MethodFailed, Problem, Who
from .session import CORE, MAIL, SUBMISSION, Hosts, NotUnderstood, Session, read_session

log = structlog.get_logger(__name__)

WELL_KNOWN = "/.well-known/jmap"
MOST_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
LARGEST_JSON = 16 * 1024 * 1024  # bytes: a few hundred mails without their text, or the headers of one
LARGEST_ERROR = 256 * 1024  # bytes of an error answer that are read
LONGEST_ID = 255  # characters (RFC 8620 1.2)
LONGEST_BLOB = 1000
LONGEST_STATE = 2000
_WORD = re.compile(r"[\x21-\x7e]+")


class TooLong(Exception):
    """The answer is longer than asked for; the rest was not read."""


class NoBlob(Exception):
    """The server no longer has these bytes."""


class Unreadable(Wait):
    """A whole answer that is not what a JMAP server gives: a proxy's page, or one mail that spoils it."""


@dataclass(frozen=True)
class Account:
    """How to sign in, and to which account. `secret`: the password of `user`, or a token where that is ""."""

    mailbox: str
    user: str
    secret: SecretStr
    id: str = ""  # "": the one that the server names first

    @property
    def auth(self) -> AuthBase:
        if not self.user:
            return http.Bearer(self.secret)
        # As bytes: requests takes text for Latin-1, and RFC 7617 means UTF-8.
        return HTTPBasicAuth(self.user.encode(), self.secret.get_secret_value().encode())


Invocation = tuple[str, dict[str, Any]]  # name and arguments of a method, without the account


class Jmap:
    """One account at one server, asked by one after another. Not shared between threads."""

    def __init__(self, hosts: Hosts, account: Account) -> None:
        self.hosts = hosts
        self.account = account
        self.who = Who(http.host_of(hosts.base_url), account.mailbox, by_password=bool(account.user))
        self._http = requests.Session()
        http.prepare(self._http, hosts.base_url)
        self._session: Session | None = None
        self._state = ""  # of the session, as the last answer said

    def close(self) -> None:
        self._http.close()

    # --- the session --------------------------------------------------------------------------------------

    def session(self) -> Session:
        """Asked for once, and again after the server said that it changed."""
        if self._session is None:
            self._session = self._asked_session()
            self._state = self._session.state
        return self._session

    def forget_session(self) -> None:
        self._session = None

    def _asked_session(self) -> Session:
        url = f"{self.hosts.base_url}{WELL_KNOWN}"
        for _number in range(MOST_REDIRECTS + 1):
            response = self._asked("GET", url)
            with response:
                if response.status_code in REDIRECTS:
                    url = self._checked(urljoin(url, response.headers.get("Location", "")))
                    continue
                if response.status_code == 404:
                    raise self._no_service()
                value = self._value(response)
            try:
                return read_session(value, url, self.hosts, self.account.id)
            except NotUnderstood as error:
                raise self.unreadable(str(error)) from None
        raise self.unreadable("redirects")

    def _checked(self, url: str) -> str:
        try:
            return self.hosts.check(url)
        except NotUnderstood:
            raise self.unreadable("redirect") from None

    def _no_service(self) -> FixNeeded:
        error = FixNeeded(
            _("{host} has no JMAP service (there is nothing at {path}).").format(
                host=self.who.host, path=WELL_KNOWN
            ),
            _("Enter the host of the service. The provider's help, or whoever runs the server, knows it."),
            {"host": self.who.host},
        )
        error.not_done = True
        return error

    # --- methods ------------------------------------------------------------------------------------------

    def one(self, name: str, arguments: Mapping[str, Any], apart: Collection[str] = ()) -> dict[str, Any]:
        """The arguments of what one method answers. Raises MethodFailed for errors of a type in `apart`."""
        [answers] = self.called([(name, dict(arguments))], apart)
        return answers[0]

    def called(self, calls: Sequence[Invocation], apart: Collection[str] = ()) -> list[list[dict[str, Any]]]:
        """What several methods answer, in one request: of each at least one answer, the first of its own name. Raises
        MailboxError for the first error, or MethodFailed."""
        answers = self.answers(calls)
        for of_call in answers:
            problem = of_call[0] if isinstance(of_call[0], Problem) else None
            if problem is not None and problem.type in apart:
                raise MethodFailed(problem)
            if problem is not None:
                raise errors.of_method(problem, self.who)
        return [[answer for answer in of_call if isinstance(answer, dict)] for of_call in answers]

    def answers(self, calls: Sequence[Invocation]) -> list[list[dict[str, Any] | Problem]]:
        """The same, errors among them."""
        session = self.session()
        own = {"accountId": session.account}
        body = {
            "using": [CORE, MAIL, *([SUBMISSION] if session.sends else [])],
            "methodCalls": [
                [name, own | arguments, str(number)] for number, (name, arguments) in enumerate(calls)
            ],
        }
        response = self._asked("POST", session.api, json.dumps(body).encode(), "application/json")
        with response:
            answer = self._value(response)
        log.debug("jmap_calls", methods=[name for name, _arguments in calls])
        self._note_state(answer.get("sessionState"))
        return self._sorted(answer, calls)

    def _note_state(self, state: object) -> None:
        if isinstance(state, str) and state != self._state:
            self._state = state
            self._session = None  # limits, addresses or accounts became others

    def _sorted(
        self, answer: Mapping[str, Any], calls: Sequence[Invocation]
    ) -> list[list[dict[str, Any] | Problem]]:
        """By call."""
        found: list[list[dict[str, Any] | Problem]] = [[] for _call in calls]
        for response in self.listed(answer, "methodResponses"):
            if not (isinstance(response, list) and len(response) == 3 and isinstance(response[1], dict)):
                raise self.unreadable("methodResponses")
            name, arguments, number = response
            if number not in map(str, range(len(calls))):
                raise self.unreadable("methodResponses")
            own = found[int(number)]
            if name == "error":
                own.append(Problem.of(arguments))
            elif own or name == calls[int(number)][0]:
                own.append(arguments)
            else:
                raise self.unreadable("methodResponses")
        if not all(found):
            raise self.unreadable("methodResponses")
        return found

    # --- bytes --------------------------------------------------------------------------------------------

    def download(self, blob: str, most: int) -> bytes:
        """The bytes of a mail. Raises NoBlob, and TooLong where there are more than `most`."""
        response = self._asked("GET", self.session().download_url(blob))
        with response:
            if response.status_code == 404:
                raise NoBlob
            if response.status_code != 200:
                raise self._error(response)
            return self._content(response, most)

    def upload(self, raw: bytes) -> str:
        """The id of the server's copy of these bytes. Raises Refused where they are too many for it."""
        response = self._asked("POST", self.session().upload_url(), raw, "message/rfc822")
        with response:
            if response.status_code == 413:
                raise too_large()
            return self.word(self._value(response), "blobId", LONGEST_BLOB)

    def events(self, types: Sequence[str], ping: int) -> requests.Response:
        """The answer in which the server tells of changes (RFC 8620 7.3), open. Raises MailboxError."""
        session = self.session()
        if not session.events:
            raise FixNeeded(
                _("{host} does not say when mail comes.").format(host=self.who.host),
                _("Nothing needs to be done: the mailbox is looked into at the poll interval."),
            )
        url = session.events_url(types, ping)
        response = self._asked("GET", url, accept="text/event-stream", patience=http.TIMEOUT[1] + 2 * ping)
        if response.status_code != 200:
            with response:
                raise self._error(response)
        return response

    # --- HTTP ---------------------------------------------------------------------------------------------

    def _asked(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        content_type: str = "",
        accept: str = "application/json",
        patience: float = http.TIMEOUT[1],
    ) -> requests.Response:
        if not self.account.secret.get_secret_value():
            error = FixNeeded(
                _("No token or password is stored for this mailbox."), _("Enter it under Remote Approval.")
            )
            error.not_done = True
            raise error
        headers = {"Accept": accept} if body is None else {"Accept": accept, "Content-Type": content_type}
        try:
            response = self._http.request(
                method,
                url,
                data=body,
                headers=headers,
                auth=self.account.auth,
                stream=True,
                allow_redirects=False,
                timeout=(http.TIMEOUT[0], patience),
            )
        except requests.RequestException as error:
            raise http.unreachable(error, url) from None  # its text may name a proxy's password
        return response

    def _value(self, response: requests.Response) -> dict[str, Any]:
        """The object in a good answer. Raises MailboxError."""
        if response.status_code not in (200, 201):
            raise self._error(response)
        value = self._json(response, LARGEST_JSON)
        if not isinstance(value, dict):
            raise self.unreadable("no object")
        return value

    def _json(self, response: requests.Response, most: int) -> Any:
        if "json" not in response.headers.get("Content-Type", "").lower():
            raise self.unreadable("no JSON")
        try:
            content = self._content(response, most)
            value = json.loads(content)
            return whole_letters(value) if b"\\ud" in content.lower() else value
        except TooLong:
            raise self.unreadable("too large") from None
        except (ValueError, RecursionError):
            raise self.unreadable("not well-formed") from None

    def _content(self, response: requests.Response, most: int) -> bytes:
        content = bytearray()
        for chunk in http.chunks(response, float("inf"), {"host": self.who.host}):
            content += chunk
            if len(content) > most:
                raise TooLong
        return bytes(content)

    def _error(self, response: requests.Response) -> Exception:
        if response.status_code < 400:
            return self.unreadable(f"HTTP {response.status_code}")
        problem = Problem.of(None)
        if "json" in response.headers.get("Content-Type", "").lower():
            try:
                problem = Problem.of(self._json(response, LARGEST_ERROR))
            except Wait:
                log.debug("jmap_error_unread", status=response.status_code)  # the status says enough
        return errors.of_status(response.status_code, response.headers, problem, self.who)

    # --- what stands in answers ---------------------------------------------------------------------------

    def unreadable(self, reason: str) -> Unreadable:
        return Unreadable(
            _("The answer of {host} is not what a JMAP server gives ({reason}).").format(
                host=self.who.host, reason=reason
            ),
            _(
                "If a proxy or firewall answers in its place, let this machine pass; Placet tries again by itself."
            ),
            details={"host": self.who.host},
        )

    def word(self, answer: Mapping[str, Any], name: str, most: int = LONGEST_ID) -> str:
        """An id or a state: printable and in ASCII, so that it can be kept and asked with. Raises Unreadable."""
        text = answer.get(name)
        if not isinstance(text, str) or len(text) > most or not _WORD.fullmatch(text):
            raise self.unreadable(name)
        return text

    def text(self, answer: Mapping[str, Any], name: str) -> str:
        """A text that is not empty. Raises Unreadable."""
        text = answer.get(name)
        if not isinstance(text, str) or not text:
            raise self.unreadable(name)
        return text

    def listed(self, answer: Mapping[str, Any], name: str) -> list[Any]:
        """A list. Raises Unreadable."""
        listed = answer.get(name)
        if not isinstance(listed, list):
            raise self.unreadable(name)
        return listed

    def ids(self, answer: Mapping[str, Any], name: str) -> list[str]:
        """Ids, each once. Raises Unreadable."""
        ids = self.listed(answer, name)
        return list(dict.fromkeys(self.word({name: id_}, name) for id_ in ids))

    def objects(self, answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        """Objects. Raises Unreadable."""
        objects = self.listed(answer, name)
        if not all(isinstance(value, dict) for value in objects):
            raise self.unreadable(name)
        return objects


def whole_letters(value: Any) -> Any:
    """What JSON gave, without halves of letters, which can neither be kept nor sent. Raises RecursionError."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [whole_letters(one) for one in value]
    if isinstance(value, dict):
        return {whole_letters(name): whole_letters(one) for name, one in value.items()}
    return value


def too_large() -> MailError:
    refusal = Refused(_("The mail is larger than the server sends."), "tooLarge")
    refusal.not_done = True
    return refusal
