"""What `placet entra` asks, and how each answer is read."""

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from placet.cli import CommandError
from placet.mailboxes.microsoft.clouds import CLOUDS, PROTOCOLS
from placet.mailboxes.microsoft.commands.entra_script.answers import (
    CERTIFICATE,
    CLI,
    KEEP,
    POWERSHELL,
    SECRET,
    Answers,
)
from placet.mailboxes.microsoft.settings import GUID, ExchangeSettings
from placet.mailboxes.settings import DOMAIN

LONGEST_LIFE = 730  # days: Entra ID makes no client secret that lives longer than 24 months
_STAND_INS = {"client_id": "00000000-0000-0000-0000-000000000000", "token_uri": "tenant.example"}


class _Wrong(Exception):
    """Why an answer cannot be taken, in a sentence."""


@dataclass(frozen=True)
class Question:
    """One question. `name`: of the answer; `asked`: whether it matters, after those before it."""

    name: str
    option: str
    text: str
    default: str | None  # None: there is none
    read: Callable[[str], Any]
    asked: Callable[[Mapping[str, Any]], bool] = lambda answers: True
    choices: tuple[str, ...] = ()


def _choice(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        chosen = text.lower().replace("-", "_")
        if chosen not in choices:
            raise _Wrong(f"Choose one of: {', '.join(choices)}.")
        return chosen

    return read


def _yes_or_no(text: str) -> bool:
    return _choice("yes", "no")({"y": "yes", "n": "no"}.get(text.lower(), text)) == "yes"


def _mailbox(text: str) -> str:
    looked = ExchangeSettings.look({**_STAND_INS, "username": text})
    if looked.settings is None:
        raise _Wrong(looked.errors.get("username", "Enter one mail address, such as approvals@contoso.com."))
    return looked.settings.username


def _other_mailbox(text: str) -> str:
    return _mailbox(text) if text else ""


def _tenant(text: str) -> str:
    bare = text.strip("{}").lower()
    if bare and not (GUID.fullmatch(bare) or DOMAIN.fullmatch(bare)):
        raise _Wrong("Enter the Directory (tenant) ID, or a domain of the organisation such as contoso.com.")
    return bare


def _name(text: str) -> str:
    # Azure CLI reads the file whose name stands after an @ at the beginning, and takes - for an option.
    if not text.isprintable() or len(text) > 120 or text[:1] in "@-":
        raise _Wrong("A name has up to 120 letters, all of them visible, and begins with neither @ nor -.")
    return text


def _days(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= LONGEST_LIFE:
        raise _Wrong(f"Enter a number of days from 1 to {LONGEST_LIFE}.")
    return int(text)


def _path(text: str) -> str:
    if not text:
        raise _Wrong("Enter the path of the certificate, as it is where the script will run.")
    if not text.isprintable() or text[:1] == "-":
        raise _Wrong("This path holds characters that cannot be seen, or begins with -.")
    return text


QUESTIONS = (
    Question("form", "--for", "Script for PowerShell, or for Azure CLI in bash", POWERSHELL,
             _choice(POWERSHELL, CLI), choices=(POWERSHELL, CLI)),
    Question("protocol", "--protocol",
             "Connect through Microsoft Graph, or Exchange Web Services (they end on 1 April 2027)",
             "graph", _choice(*PROTOCOLS), choices=PROTOCOLS),
    Question("cloud", "--cloud", "Cloud", "worldwide", _choice(*CLOUDS), choices=tuple(CLOUDS)),
    Question("mailbox", "--mailbox", "Address of the mailbox, its primary one", None, _mailbox),
    Question("tenant", "--tenant", "Directory (tenant) ID or domain; empty: the one that you sign in to", "", _tenant),
    Question("name", "--name", "Name of the application in Entra ID", "Placet", _name),
    Question("limit", "--limit", "Limit the application to this one mailbox (no: it may open every mailbox)", "yes",
             _yes_or_no, choices=("yes", "no")),
    Question("other_mailbox", "--other-mailbox", "Another mailbox, to see that it stays closed; empty: not looked at",
             "", _other_mailbox, lambda answers: bool(answers["limit"])),
    Question("credential", "--credential", "Sign in with a new client secret, a certificate, or what is there",
             SECRET, _choice(SECRET, CERTIFICATE, KEEP), choices=(SECRET, CERTIFICATE, KEEP)),
    Question("secret_days", "--secret-days", "Days that the secret lives (Microsoft recommends less than 12 months)",
             "180", _days, lambda answers: answers["credential"] == SECRET),
    Question("certificate", "--certificate", "File of the certificate, where the script will run", "placet.cer", _path,
             lambda answers: answers["credential"] == CERTIFICATE),
)  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    for question in QUESTIONS:
        default = f" (default: {question.default})" if question.default else ""
        parser.add_argument(
            question.option,
            dest=question.name,
            metavar="|".join(question.choices) or "VALUE",
            help=question.text.replace("%", "%%") + default,
        )


def answered(options: argparse.Namespace) -> Answers:
    """What was given and what is asked for. CommandError with every option that is wrong."""
    answers = Answers(**_answers(options), today=datetime.now(UTC).date())
    _fit(answers)
    return answers


def _answers(options: argparse.Namespace) -> dict[str, Any]:
    """Each that matters, checked. All options that are wrong are said at once."""
    answers: dict[str, Any] = {}
    wrong: list[str] = []
    for question in QUESTIONS:
        given = getattr(options, question.name)
        if not question.asked(answers):
            if given is not None:
                wrong.append(f"{question.option}: Leave it out: it does not go with the rest.")
            continue
        try:
            answers[question.name] = _answer(question, given, ask=not options.yes and not wrong)
        except _Wrong as error:
            wrong.append(f"{question.option}: {error}")
            answers[question.name] = question.default  # so that the ones after it can be looked at
    if wrong:
        raise CommandError("\n".join(["No script was made:", *(f"  {line}" for line in wrong)]))
    return answers


def _answer(question: Question, given: str | None, *, ask: bool) -> Any:
    if given is not None:
        return question.read(given.strip())
    if ask:
        return _ask(question)
    if question.default is None:
        raise _Wrong("There is no default. Say it.")
    return question.read(question.default)


def _ask(question: Question) -> Any:
    """Until the answer is right. On standard error: the script goes to standard output."""
    choices = f" ({', '.join(question.choices)})" if question.choices else ""
    default = f" [{question.default}]" if question.default else ""
    while True:
        sys.stderr.write(f"{question.text}{choices}{default}: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise CommandError(
                f"\nThere was no answer. Give it with {question.option}, and the others too; --yes takes the defaults."
            )
        text = line.strip()
        try:
            return question.read(text or question.default or "")
        except _Wrong as error:
            sys.stderr.write(f"  {error}\n")


def _fit(answers: Answers) -> None:
    """CommandError for what does not go together."""
    if answers.form == CLI and not answers.names.azure:
        raise CommandError(
            "Azure CLI's cloud for the US Government is GCC High; the Graph of the DoD is another one. Use "
            "--for powershell."
        )
    if answers.other_mailbox and answers.other_mailbox.lower() == answers.mailbox.lower():
        raise CommandError("The other mailbox is the same one. Name one that must stay closed to Placet.")
