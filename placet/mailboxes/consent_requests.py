"""What somebody is asked to agree to before Placet may use a mailbox."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pydantic import SecretStr


@dataclass(frozen=True)
class ConsentRequest:
    """One consent. Its refresh token becomes the secret of each of `fields`, and what is got for it is sent to `places`
    (host and port of mail servers)."""

    fields: tuple[str, ...]
    places: tuple[str, ...]
    token_uri: str
    authorization_uri: str  # "" where nobody can agree in a browser
    device_uri: str  # "" where nobody can agree on another device
    client_id: str
    secret: SecretStr  # of the application; empty where it has none
    scope: str
    user: str  # whose mailbox it is

    @property
    def server(self) -> str:
        """Whose consent it is: host of the token URI, with its port where it has one."""
        return urlsplit(self.token_uri).netloc.lower()

    def is_asked_with(self, other: "ConsentRequest") -> bool:
        """Whether one consent serves both: the same application asks the same server for the same mailbox."""
        return replace(other, fields=self.fields, places=self.places, scope=self.scope) == self

    def with_other(self, other: "ConsentRequest") -> "ConsentRequest":
        """One consent for both."""
        scopes = dict.fromkeys([*self.scope.split(), *other.scope.split()])
        return replace(
            self,
            fields=(*self.fields, *other.fields),
            places=(*self.places, *other.places),
            scope=" ".join(scopes),
        )
