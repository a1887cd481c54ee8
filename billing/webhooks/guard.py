"""Where messages may go: public addresses only, over https, on the port of https. A name is resolved once, and the address that was checked
is the address that is called, so that a name can't change its meaning in between.

An installation that has receivers inside (or a test) names their networks in WEBHOOK_INNER_NETWORKS; for those http and any port will do.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from plans.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LONGEST_URL = 1000
PORTS = (443, 8443)
#: Prefixes behind which an IPv4 address hides: NAT64 (RFC 6052) and 6to4 (RFC 3056).
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")


@dataclass(frozen=True)
class Target:
    """What is called: the checked address and port, and the name that the certificate and the Host header must bear."""

    scheme: str
    host: str
    address: str
    port: int
    path: str


def checked_url(url: str, inner: Sequence[Network] = ()) -> str:
    """The URL as it may be stored. Raises Invalid `bad_url`; what its name resolves to is checked at each delivery."""
    parts = _split(url)
    literal = _literal(parts.hostname or "")
    if literal is not None:
        _check(literal, parts.scheme, parts.port or 443, inner)
    elif not inner:
        _check_port(parts.scheme, parts.port or 443)
    return url


def resolve(url: str, inner: Sequence[Network] = (), *, lookup: Callable[[str, int], list[str]] | None = None) -> Target:
    """The one address to call. Raises Invalid `bad_url` where any address of the name may not be called."""
    parts = _split(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = (lookup or _lookup)(host, port)
    if not addresses:
        raise Invalid("bad_url", f"the name {host!r} has no address", at="url")
    for address in addresses:
        _check(ipaddress.ip_address(address), parts.scheme, port, inner)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, addresses[0], port, path)


def _split(url: str):  # type: ignore[no-untyped-def]
    if len(url) > LONGEST_URL or not url.isascii() or any(sign.isspace() or ord(sign) < 33 for sign in url) or "\\" in url:
        raise Invalid("bad_url", f"expected an address of at most {LONGEST_URL} plain characters", at="url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Invalid("bad_url", f"this is no address: {error}", at="url") from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Invalid("bad_url", "expected an address such as https://example.com/hook", at="url")
    if parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise Invalid("bad_url", "the address may hold no user, password or fragment", at="url")
    return parts


def _literal(host: str) -> Address | None:
    """The address that the host is, in any of the spellings that systems accept (decimal, octal, short); None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if host.replace(".", "").replace("x", "").isalnum() and host[:1].isdigit():
        try:
            return ipaddress.ip_address(socket.inet_aton(host))
        except OSError:
            return None
    return None


def _lookup(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(row[4][0]).split("%")[0] for row in found))


def _check(address: Address, scheme: str, port: int, inner: Sequence[Network]) -> None:
    """Raises Invalid `bad_url` for an address that is not public, unless it lies in an inner network."""
    real = _unwrapped(address)
    if any(real.version == network.version and real in network for network in inner):
        return
    local = isinstance(real, ipaddress.IPv6Address) and real.is_site_local
    if local or not real.is_global or real.is_multicast or real.is_reserved or real.is_unspecified:
        raise Invalid("bad_url", f"{address} is not a public address; messages go to public addresses only", at="url")
    _check_port(scheme, port)


def _check_port(scheme: str, port: int) -> None:
    if scheme != "https" or port not in PORTS:
        raise Invalid("bad_url", f"expected https on port {' or '.join(map(str, PORTS))}", at="url")


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where it is one in disguise."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in SIX_TO_FOUR:
        return ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address
