"""From an address to how its mailbox is reached: kind, servers, security and way of signing in, and who names each.

`discover(address)` asks the DNS and the web servers of the address's own domain; nothing but the domain is sent, and
nothing is sent to a mail server. What comes back is a `Discovery`, which somebody looks at before any of it is used.

  lookup.py     discover(): what is asked, all at once, in ten seconds at most
  proposals.py  the shapes of what comes of it
  providers.py  providers that are known by the names of their mail servers: a table
  names.py      the DNS: MX, SRV, addresses
  web.py        one page by https
  autoconfig.py the configuration file of Thunderbird's form
  weighing.py   answers → proposals, the best first
"""

from .lookup import AddressInvalid, Network, discover
from .proposals import Discovery, Origin, Proposal, Server, SignIn, Source

__all__ = [
    "AddressInvalid",
    "Discovery",
    "Network",
    "Origin",
    "Proposal",
    "Server",
    "SignIn",
    "Source",
    "discover",
]
