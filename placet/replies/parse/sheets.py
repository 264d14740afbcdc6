"""The style sheets of a mail: which rules hold for an element, for certain or perhaps.

A selector or a condition that is not understood holds perhaps, for whatever the rest of it holds for: browsers know
more of them than we do, and a rule that may hide a text is never taken for one that does not.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from lxml import etree

from placet.replies.parse.styles import (
    ALTERED,
    SEEN,
    Declarations,
    Said,
    Tri,
    declared,
    plain,
    read,
    says_alone,
    unescaped,
)

_ANCESTORS = 60  # elements around one, or before it, that a selector is held against
_SELECTORS = 2_000  # that say something of what can be seen
_TRIES = 1_000_000  # of holding selectors against elements
_AROUND = 100  # tries that it costs to look for an element around one
_CLOSE = 20  # tries that it costs to look at one of which the names fit
_COMPARED = 20  # tries that it costs to hold a selector with more than names against one
_NESTED = 10  # parentheses in each other
_LONGEST = 1_000  # characters of a selector or a condition that is looked at
_CHAIN = 10  # elements around each other that a selector names
_DOUBTS = 12  # rules that perhaps hold for one element, each looked at alone
_WIDTH = range(700, 1_200)  # pixels of the window in which people may read

_BRACKETED = re.compile(r"\([^()]*\)")
_ATTRIBUTE = re.compile(r"\[[^\]]*\]")
_COMBINED = re.compile(r"\s*([>+~])\s*|\s+")
_SIMPLE = re.compile(
    r"\[[\s\x03]*(?P<name>[a-z_:-][a-z0-9_:.-]*)[\s\x03]*(?:(?P<by>[\x02|^$*]?=)[\s\x03]*(?P<value>\"[^\"]*\"|'[^']*'|[^\]\s\x03]*)[\s\x03]*[is]?[\s\x03]*)?\]"
    r"|(?P<pseudo>::?[a-z-]+)|[.#]?(?:[a-z0-9_\u0080-\U0010ffff-]|\\.)+|\*"
)
#: What never holds of a text that lies before somebody.
_NEVER = frozenset((
    ":hover", ":active", ":focus", ":focus-within", ":focus-visible", ":target", ":checked", ":disabled", ":invalid",
    ":visited", "::selection", "::placeholder", "::marker", "::-moz-selection", "::-moz-focus-inner", "::backdrop",
))  # fmt: skip
_GENERATED = frozenset((":before", ":after", "::before", "::after"))
_WIDTH_TEST = re.compile(r"(min|max)-(?:device-)?width:([0-9.]+)(px|em|rem|pt)?")
_FRAMES = re.compile(r"@(?:-[a-z]+-)?(?:keyframes|font-face|page|viewport|font-feature-values|counter-style)")


@dataclass(frozen=True)
class _Compound:
    """ ".x.y[href^=z]" and its kin: all of it holds for one element."""

    names: frozenset[str]
    compared: tuple[tuple[str, str, str], ...] = ()  # attributes: name, how, value
    certain: bool = True  # all of it is understood


@dataclass(frozen=True)
class _Rule:
    """One selector of a style sheet, and what it says of the elements that it holds for."""

    weight: tuple[int, int, int, int]  # ids, classes and attributes, tags; then the order in the mail
    last: _Compound
    around: Sequence[tuple[_Compound, str]]  # from the right: for elements around, and how far around
    usual: Declarations
    important: Declarations
    certain: bool  # the conditions around it hold


@dataclass
class Sheet:
    """What the style sheets of a mail say of what can be seen."""

    rules: Mapping[str, Sequence[_Rule]]  # by one part of the last compound
    whole: bool  # all was looked at, as far as it was asked for
    tries: int = _TRIES  # that are left
    known: dict[tuple[object, ...], Sequence[Said]] = field(default_factory=dict)
    named: dict[etree._Element, frozenset[str]] = field(default_factory=dict)

    def says(self, element: etree._Element) -> Sequence[Said]:
        """What holds for an element, as CSS orders it (CSS Cascading Level 4, 6.1); first without what holds only
        perhaps, then with each of that."""
        style = element.get("style") or ""
        certain, doubtful = self._matching(element) if self.rules else ((), ())
        if not certain and not doubtful:
            return (says_alone(style),)
        key = (tuple(rule.weight for rule in certain), tuple(rule.weight for rule in doubtful), style)
        if key not in self.known:
            self.known[key] = tuple(_cascades(certain, doubtful, style))
        return self.known[key]

    def _matching(self, element: etree._Element) -> tuple[Sequence[_Rule], Sequence[_Rule]]:
        if self.tries < 0:
            self.whole = False
            return (), ()
        names = self._names(element)
        candidates = [rule for name in names for rule in self.rules.get(name, ())]
        close = [rule for rule in candidates if rule.last.names <= names]
        self.tries -= len(candidates) + _CLOSE * len(close)
        certain: list[_Rule] = []
        doubtful: list[_Rule] = []
        for rule in close:
            if self.tries < 0:
                break
            answer = self._holds(element, rule)
            if answer is not Tri.NO:
                (certain if answer is Tri.YES and rule.certain else doubtful).append(rule)
        if self.tries < 0:
            self.whole = False
            return (), ()
        return certain, doubtful

    def _holds(self, element: etree._Element, rule: _Rule) -> Tri:
        return _both(self._compound(element, rule.last), lambda: self._around(element, rule.around))

    def _compound(self, element: etree._Element, compound: _Compound) -> Tri:
        if not compound.names <= self._names(element):
            return Tri.NO
        answer = Tri.YES if compound.certain else Tri.PERHAPS
        self.tries -= _COMPARED * len(compound.compared)
        for name, by, value in compound.compared:
            answer = _both(answer, partial(_compared, element.get(name), by, value))
        return answer

    def _around(self, element: etree._Element, around: Sequence[tuple[_Compound, str]]) -> Tri:
        """Whether other elements stand around this one, or before it, as a selector has it."""
        if not around:
            return Tri.YES
        (compound, how), rest = around[0], around[1:]
        best = Tri.NO
        self.tries -= _AROUND
        for at, other in enumerate(_others(element, how)):
            if self.tries < 0 or at == _ANCESTORS:
                return best or Tri.PERHAPS
            self.tries -= _CLOSE
            answer = _both(self._compound(other, compound), partial(self._around, other, rest))
            if answer is Tri.YES:
                return answer
            best = max(best, answer)
        return best

    def _names(self, element: etree._Element) -> frozenset[str]:
        known = self.named.get(element)
        if known is None:
            known = self.named[element] = _names(element)
        return known


def _both(one: Tri, other: Callable[[], Tri]) -> Tri:
    if one is Tri.NO:
        return one
    second = other()
    return Tri.NO if second is Tri.NO else max(one, second)


def _others(element: etree._Element, how: str) -> Iterator[etree._Element]:
    if how == " ":
        yield from element.iterancestors()
    elif how == ">":
        parent = element.getparent()
        if parent is not None:
            yield parent
    else:
        for before in element.itersiblings(preceding=True):
            yield before
            if how == "+":
                return


def _compared(value: str | None, by: str, with_: str) -> Tri:
    if value is None:
        return Tri.NO
    value = value.lower()
    if ALTERED in with_:
        return Tri.PERHAPS  # its delimiters are lost
    if by == "=":
        holds = value == with_
    elif by == "\x02=":
        holds = with_ in value.split()
    elif by == "|=":
        holds = value == with_ or value.startswith(f"{with_}-")
    else:
        holds = bool(with_) and {
            "^=": value.startswith(with_), "$=": value.endswith(with_), "*=": with_ in value
        }[by]  # fmt: skip
    return Tri.YES if holds else Tri.NO


def _names(element: etree._Element) -> frozenset[str]:
    """What selectors may call an element."""
    tag = element.tag if isinstance(element.tag, str) else ""
    names = {"*", tag, f"#{(element.get('id') or '').lower()}"}
    names.update(f".{name}" for name in (element.get("class") or "").lower().split())
    names.update(f"[{name}]" for name in element.attrib)
    return frozenset(names)


def _cascades(certain: Sequence[_Rule], doubtful: Sequence[_Rule], style: str) -> Iterator[Said]:
    yield _cascade(certain, style)
    for rule in doubtful[:_DOUBTS]:
        yield _cascade([*certain, rule], style)
    if len(doubtful) > 1:
        yield _cascade([*certain, *doubtful], style)


def _cascade(rules: Sequence[_Rule], style: str) -> Said:
    ordered = sorted(rules, key=lambda rule: rule.weight)
    usual, important = declared(plain(style))
    layers = (*(r.usual for r in ordered), usual, *(r.important for r in ordered), important)
    return read({name: value for layer in layers for name, value in layer.items()})


# ---------------------------------------------------------------------- reading sheets


def sheet_of(root: etree._Element) -> Sheet:
    """What style sheets say for everybody; on paper or small screens alone is left out."""
    by_name: dict[str, list[_Rule]] = {}
    known = 0
    for element in root.iter("style"):
        media = element.get("media")
        holds = Tri.YES if media is None else _media(plain(media))
        for selectors, layers, answer in _rules(element.text or ""):
            usual, important = ({name: layer[name] for name in layer if name in SEEN} for layer in layers)
            for selector in selectors if holds and (usual or important) else ():
                known += 1
                if known > _SELECTORS:
                    return Sheet(by_name, whole=False)
                certain = answer is Tri.YES and holds is Tri.YES
                rule = _rule(selector, known, usual, important, certain)
                if rule is not None:
                    by_name.setdefault(min(rule.last.names), []).append(rule)
    return Sheet(by_name, whole=True)


def _rule(
    selector: str, order: int, usual: Declarations, important: Declarations, certain: bool
) -> _Rule | None:
    """None for one that never holds."""
    if len(selector) > _LONGEST:
        selector = ":unknown"
    pieces = _COMBINED.split(_ATTRIBUTE.sub(_kept_together, selector.strip()))
    compounds = [_compound(piece or "*") for piece in pieces[::2]]
    if any(compound is None for compound in compounds):
        return None
    generates = any(sign in pieces[-1] for sign in (":before", ":after"))
    if generates:  # they add words that are shown, and hide none
        usual, important = (
            {n: v for n, v in layer.items() if n == "content"} for layer in (usual, important)
        )
        if not usual and not important:
            return None
    elif "content" in usual and "(" not in usual["content"]:
        usual = {name: value for name, value in usual.items() if name != "content"}
    whole = [compound for compound in compounds if compound]
    hows = [how or " " for how in pieces[1::2]]
    around = tuple(zip(reversed(whole[:-1]), reversed(hows), strict=True))
    if len(around) > _CHAIN:
        around, certain = around[:_CHAIN], False
    return _Rule((*_weight(selector), order), whole[-1], around, usual, important, certain)


def _kept_together(match: re.Match[str]) -> str:
    """[class ~= x] without what would part compounds elsewhere."""
    return match[0].replace("~", "\x02").replace(" ", "\x03")


def _weight(selector: str) -> tuple[int, int, int]:
    """How specific a selector is (Selectors Level 3, 9)."""
    parts = [match[0] for match in _SIMPLE.finditer(selector) if match[0] != "*"]
    ids, others = (sum(part.startswith(signs) for part in parts) for signs in ("#", (".", "[", ":")))
    return ids, others, len(parts) - ids - others


def _compound(written: str) -> _Compound | None:
    """What is understood of it; None for what never holds."""
    names: set[str] = set()
    compared: list[tuple[str, str, str]] = []
    certain, end = True, 0
    for match in _SIMPLE.finditer(written):
        certain = certain and match.start() == end
        end = match.end()
        if match["pseudo"]:
            if match["pseudo"] in _NEVER or match["pseudo"].startswith(("::-webkit-", "::-moz-", "::-ms-")):
                return None
            if match["pseudo"] == ":link":
                names |= {"a", "[href]"}
            elif match["pseudo"] not in _GENERATED:
                certain = False
        elif match["name"]:
            names.add(f"[{match['name']}]")
            if match["by"]:
                compared.append((match["name"], match["by"], match["value"].strip("\"'")))
        else:
            names.add(unescaped(match[0]))
    return _Compound(frozenset(names) or frozenset("*"), tuple(compared), certain and end == len(written))


def _rules(sheet: str) -> Iterator[tuple[list[str], tuple[Declarations, Declarations], Tri]]:
    """Selectors, what they declare, and whether the conditions around them hold."""
    sheet = plain(sheet.replace("<!--", " ").replace("-->", " "))
    around: list[Tri] = []  # of @media and its kin, whether they hold
    for piece in sheet.split("}"):
        *conditions, declarations = piece.split("{")
        if not conditions:
            if Tri.NO not in around and ":" in declarations:  # behind a rule inside a rule
                yield ["*"], declared(declarations), Tri.PERHAPS
            del around[-1:]
            continue
        for condition in conditions[:-1]:
            around.append(_holds(condition))
        if Tri.NO in around:
            continue
        answer = max(around, default=Tri.YES)
        for inner in conditions[1:]:
            if ";" in inner and not inner.strip().startswith("@"):  # declarations before a rule inside a rule
                yield ["*"], declared(inner), Tri.PERHAPS
        yield from _one(conditions[-1], declarations, answer)


def _one(
    selector: str, declarations: str, answer: Tri
) -> Iterator[tuple[list[str], tuple[Declarations, Declarations], Tri]]:
    selector = selector.rpartition(";")[2].strip()
    if selector.startswith("@"):
        return
    yield [part for part in _bare(selector).split(",") if part.strip()], declared(declarations), answer


def _bare(selector: str) -> str:
    """Without what stands in parentheses: of :not(…) and its kin nothing is understood."""
    for _ in range(_NESTED):
        selector = _BRACKETED.sub("", selector)
    return selector


def _holds(condition: str) -> Tri:
    """Whether what stands in "@media screen" and its kin holds for everybody."""
    condition = condition.rpartition(";")[2].strip()
    if _FRAMES.match(condition):
        return Tri.NO
    if len(condition) > _LONGEST:
        return Tri.PERHAPS
    if condition.startswith("@media"):
        return _media(condition.removeprefix("@media"))
    known = condition.startswith("@supports") and re.fullmatch(
        r"@supports\s*\((?:display|color|opacity)\s*:[a-z0-9 .#-]*\)", condition
    )
    return Tri.YES if known else Tri.PERHAPS


def _media(queries: str) -> Tri:
    answers = [_query(query) for query in queries.split(",")]
    return Tri.YES if Tri.YES in answers else max(answers)


def _query(query: str) -> Tri:
    """One of the queries of @media."""
    query = query.strip().removeprefix("only ").strip()
    if query.startswith("not "):
        negated = query.removeprefix("not ")
        inner = Tri.PERHAPS if "not " in negated else _query(negated)
        return {Tri.YES: Tri.NO, Tri.NO: Tri.YES}.get(inner, Tri.PERHAPS)
    answers = [_feature(part) for part in re.split(r"\band\b", query)]
    return Tri.NO if Tri.NO in answers else max(answers)


def _feature(part: str) -> Tri:
    part = re.sub(r"\s+", "", part)
    if part in ("", "all", "screen"):
        return Tri.YES
    if part in ("print", "speech", "tty", "tv", "projection", "handheld", "braille", "embossed", "aural"):
        return Tri.NO
    part = part.removeprefix("(").removesuffix(")")
    if part == "prefers-color-scheme:dark":
        return Tri.NO
    test = _WIDTH_TEST.fullmatch(part)
    if test is None:
        return Tri.PERHAPS
    try:
        pixels = float(test[2]) * (16 if test[3] in ("em", "rem") else 1)
    except ValueError:
        return Tri.PERHAPS
    if test[1] == "min":
        return Tri.YES if pixels <= _WIDTH.start else Tri.NO if pixels > _WIDTH.stop * 2 else Tri.PERHAPS
    return Tri.NO if pixels < _WIDTH.start else Tri.YES if pixels > _WIDTH.stop * 2 else Tri.PERHAPS
