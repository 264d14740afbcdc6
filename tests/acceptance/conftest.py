"""What these tests share: the folder with Microsoft's schema and the mail corpora, and a world to use them in."""

from tests.journeys.conftest import sandbox, way, world

__all__ = ["sandbox", "way", "world"]
