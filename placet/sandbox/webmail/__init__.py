"""The sandbox's web mail under /mail/, and the story that a demo begins with."""

from placet.sandbox.webmail.app import Webmail
from placet.sandbox.webmail.story import Story

__all__ = ["Story", "Webmail"]
