"""One sender, read strictly: the ways to look like somebody else."""

import pytest

from placet.replies.parse.addresses import BadAddress, addresses, one_address


@pytest.mark.parametrize(
    "value",
    [
        "ann@contoso.example",
        " <ann@contoso.example> ",
        "Ann <ann@contoso.example>",
        "Ann A. Approver <ANN@Contoso.Example>",
        '"Approver, Ann" <ann@contoso.example>',
        '"A \\"q\\" <x@y>" <ann@contoso.example>',
        "=?utf-8?B?QW5u?= <ann@contoso.example>",
        "Änn <ann@contoso.example>",
        "ann@contoso.example (Ann (the boss) Approver)",
        "(boss@corp.example) Ann <ann@contoso.example>",
        "Ann\t<ann@contoso.example>",
    ],
)
def test_one_plain_address_is_read(value: str) -> None:
    assert one_address(value) == "ann@contoso.example"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "no address"),
        ("Ann", "not one plain address"),
        ("boss@corp.example <evil@x.example>", "in the place of the name"),
        ("<boss@corp.example>@x.example", "misplaced"),
        ("<boss@corp.example> <evil@x.example>", "misplaced"),
        ("boss@corp.example, evil@x.example", "more than one"),
        ("boss@corp.example; evil@x.example", "group"),
        ("Board: boss@corp.example;", "group"),
        (":;x", "group"),
        ("boss@corp.example evil@x.example", "not one plain"),
        ("boss @corp.example", "not one plain"),
        ("boss@ corp.example", "not one plain"),
        ("bo(x)ss@corp.example", "not one plain"),
        ("<@relay.example:boss@corp.example>", "group"),
        ("boss@[203.0.113.7]", "not one plain"),
        ('"boss"@corp.example', "not one plain"),
        ("boss@corp..example", "domain"),
        ("boss@-corp.example", "domain"),
        ("bo..ss@corp.example", "name before"),
        ("böss@corp.example", "name before"),
        ("boss@cоrp.example", "domain"),  # a Cyrillic o
        ("boss@corp.example\x00", "must not be there"),
        ("boss@corp.example\revil@x.example", "must not be there"),
        ('"boss@corp.example', "open quotation mark"),
        ("boss@corp.example (", "open comment"),
        ("(" * 5_000 + "boss@corp.example", "open comment"),
        ("(" * 5_000 + ")" * 5_000, "no address"),
        ("x" * 17_000 + " <boss@corp.example>", "longer than"),
    ],
)
def test_everything_else_is_a_problem_in_words(value: str, problem: str) -> None:
    with pytest.raises(BadAddress, match=problem):
        one_address(value)


def test_lists_give_what_can_be_read() -> None:
    value = 'Board: a@x.example, "b, c" <b@x.example>;, d@x.example <d@x.example>, <>, e@@x, (((f@x.example'
    assert addresses(value) == ("a@x.example", "b@x.example", "d@x.example")
    assert addresses("undisclosed-recipients:;") == ()
    assert addresses("a@x.example," * 5_000) == ()  # too long to be looked at
