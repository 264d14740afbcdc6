"""Networks of an organisation's own mail servers, as an administrator names them."""

from ipaddress import ip_network

from django.utils.translation import gettext as _

#: Of our own mail servers, unless an administrator says otherwise (RFC 1918, RFC 4193).
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
#: Bits: no organisation's mail servers fill a wider network than this of public addresses.
WIDEST = {4: 16, 6: 32}

_PRIVATE = tuple(map(ip_network, PRIVATE_NETWORKS))


class NetworkInvalid(ValueError):
    """What was entered is no network of an organisation's own; the message says why, in the reader's language."""


def network(text: str) -> str:
    """An address or a network in the form of RFC 4632 or RFC 4291. Raises NetworkInvalid."""
    try:
        entered = ip_network(text, strict=False)
    except ValueError:
        raise NetworkInvalid(
            _(
                "“{text}” is no address. Enter addresses or networks, such as 203.0.113.7 or 10.0.0.0/8."
            ).format(text=text[:60])
        ) from None
    private = any(entered.version == own.version and entered.subnet_of(own) for own in _PRIVATE)  # type: ignore[arg-type]
    if not private and entered.prefixlen < WIDEST[entered.version]:
        raise NetworkInvalid(
            _(
                "{network} holds addresses of others. Enter those of your own mail servers alone: a mail that comes "
                "from one of these addresses is believed to come from your server."
            ).format(network=entered)
        )
    return str(entered)
