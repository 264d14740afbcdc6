"""The report. `python -m benchmarks.reading --help`"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.reading import corpora
from benchmarks.reading.report import Section


def main() -> int:
    """0 if every target that was measured is met, 1 if one is missed, 2 if there is nothing to measure on."""
    options = _options()
    try:
        sections = list(_sections(options))
    except corpora.NoCorpora as problem:
        print(problem, file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps([section.as_json() for section in sections], ensure_ascii=False, indent=1))
    return int(any(target.met is False for section in sections for target in section.targets))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reading",
        description="How well replies are read: new text, answers, speed. Without a choice, everything.",
    )
    for name, (what, _) in PARTS.items():
        parser.add_argument(f"--{name}", action="store_true", help=what)
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave out what others reach")
    parser.add_argument(
        "--peers-in",
        type=Path,
        default=Path(".venv-peers"),
        metavar="FOLDER",
        help="where peers are installed (.venv-peers); kept for the next run",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of text")
    parser.add_argument(
        "--corpora", type=Path, default=corpora.FOLDER, help="the folder with the mail corpora"
    )
    options = parser.parse_args()
    options.peers_in = options.peers_in.resolve() if options.peers else None
    return options


def _new_text(options: argparse.Namespace) -> Section:
    from benchmarks.reading import stripping

    return stripping.section(corpora.replies(options.corpora), options.peers_in)


def _answers(options: argparse.Namespace) -> Section:
    from benchmarks.reading import answers

    return answers.section(corpora.answers(options.corpora))


def _letters(_: argparse.Namespace) -> Section:
    from benchmarks.reading import letters

    return letters.section()


def _guesses(_: argparse.Namespace) -> Section:
    from benchmarks.reading import guesses

    return guesses.section()


def _mails(options: argparse.Namespace) -> Section:
    from benchmarks.reading import mails

    return mails.section(corpora.answers(options.corpora))


def _speed(options: argparse.Namespace) -> Section:
    from benchmarks.reading import speed

    return speed.section(corpora.answers(options.corpora), options.peers_in)


PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], Section]]] = {
    "new-text": ("what is left of a reply without quotes, beside other programs", _new_text),
    "answers": ("short replies to outcomes", _answers),
    "letters": ("words, sentences and whole letters, each with its request", _letters),
    "guesses": ("what is offered to be confirmed of letters that are not clear", _guesses),
    "mails": ("the same in the mails of many programs", _mails),
    "speed": ("how long it takes", _speed),
}


def _sections(options: argparse.Namespace) -> Iterator[Section]:
    chosen = [name for name in PARTS if getattr(options, name.replace("-", "_"))] or list(PARTS)
    for name in chosen:
        section = PARTS[name][1](options)
        if not options.json:
            print(section.text, flush=True)
        yield section


if __name__ == "__main__":
    sys.exit(main())
