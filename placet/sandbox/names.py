"""Sets of names, written as the text that they are copied from."""


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())
