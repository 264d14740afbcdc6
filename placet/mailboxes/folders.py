"""Folders by path, as every kind of mailbox has them that can move mail."""

from collections.abc import Callable
from typing import Generic, TypeVar

from django.utils.translation import gettext as _

from .base import FixNeeded

Ref = TypeVar("Ref")


class Folders(Generic[Ref]):
    """The folders that mail is moved to, by their paths. `Ref` is what the server knows a folder by.

    `find` and `create` take parent and name; `create` gives None where there is one of that name already (two
    workers may make it at once). `taken_from` gives the folders that mail is taken from.
    """

    def __init__(
        self,
        root: Ref,
        find: Callable[[Ref, str], Ref | None],
        create: Callable[[Ref, str], Ref | None],
        taken_from: Callable[[], set[Ref]],
    ) -> None:
        self._root = root
        self._find = find
        self._create = create
        self._look_taken_from = taken_from
        self._known: dict[str, Ref] = {}
        self._taken_from: set[Ref] = set()

    def forget(self) -> None:
        """Somebody deleted a folder that was remembered."""
        self._known.clear()

    def at(self, path: str) -> Ref:
        """The folder at `path` below the mailbox; what is missing of it is made."""
        ref, walked = self._root, ""
        for name in path.split("/"):
            walked = f"{walked}/{name}"
            known = self._known.get(walked)
            ref = self._known[walked] = self._find_or_create(ref, name) if known is None else known
        return ref

    def for_moved(self, path: str) -> Ref:
        """The same. FixNeeded where mail is taken from it, under whatever name: what is moved there would come
        again and again."""
        ref = self.at(path)
        if not self._taken_from:
            self._taken_from = self._look_taken_from()
        if ref in self._taken_from:
            raise FixNeeded(
                _(
                    "Placet takes mail from the folder “{name}”, so handled mail cannot be moved there."
                ).format(name=path),
                _("Choose another name for the folder in the mailbox's settings."),
            )
        return ref

    def _find_or_create(self, parent: Ref, name: str) -> Ref:
        for step in (self._find, self._create, self._find):
            found = step(parent, name)
            if found is not None:
                return found
        raise FixNeeded(
            _("The server says that there is a folder “{name}”, but does not list it.").format(name=name),
            _("Choose another name for the folder in the mailbox's settings."),
        )
