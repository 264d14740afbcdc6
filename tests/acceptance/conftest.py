"""What these tests share: the folder with Microsoft's schema and the mail corpora, and a world to use them in."""

from tests.journeys.conftest import cyrus_servers, mail_servers, pytest_generate_tests, sandbox, way, world

__all__ = ["cyrus_servers", "mail_servers", "pytest_generate_tests", "sandbox", "way", "world"]
