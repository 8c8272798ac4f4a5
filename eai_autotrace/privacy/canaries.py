"""
Made-up secrets of realistic form, to be put into telemetry and searched for in what leaves.

Each surface has its own values, so that a leak says where it is. They are put together here from parts:
a scanner of sources takes none of them for a secret.
"""

from __future__ import annotations

import struct
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class Canary(NamedTuple):
    """
    A made-up secret.

    Attributes:
        surface: Where it is put.
        kind: What it is: ``card``, ``email``.
        detector: What finds it.
        text: A text with it.
        secret: The part of it that must not leave.
    """

    surface: str
    kind: str
    detector: str
    text: str
    secret: str

    def is_in(self, data: bytes) -> bool:
        """Whether it is in some bytes, as a text, in a URL, or as a number in protobuf."""
        return any(form in data for form in self._forms())

    def _forms(self) -> set[bytes]:
        forms = {self.secret.encode(), quote(self.secret, safe="").encode()}
        digits = self.secret.replace(" ", "")
        if self.kind == "card" and digits.isdigit():
            forms |= {digits.encode(), _varint(int(digits)), struct.pack("<d", float(digits))}
        return forms


def canaries(surface: str, kinds: Iterable[str] = ()) -> list[Canary]:
    """
    The canaries of a surface; the same at each call, and others than those of other surfaces.

    Args:
        surface: Where they are put.
        kinds: Which ones, by their kinds; all if empty.
    """
    return [canary(surface, kind) for kind in (kinds or KINDS)]


def canary(surface: str, kind: str) -> Canary:
    """The canary of a kind for a surface."""
    detector, make = _MAKERS[kind]
    text, secret = make(sha256(f"{surface}: {kind}".encode()).digest())
    return Canary(surface, kind, detector, text, secret)


def found(looked_for: Iterable[Canary], data: Iterable[bytes]) -> list[Canary]:
    """The canaries that are in some bytes."""
    everything = b"\0".join(data)
    return [one for one in looked_for if one.is_in(everything)]


def _card(seed: bytes) -> tuple[str, str]:
    digits = f"4{int.from_bytes(seed[:8], 'big') % 10**14:014d}"
    total = sum(int(digit) for digit in digits[1::2])
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::2])
    number = digits + str(-total % 10)
    return f"card {number} declined", number


def _iban(seed: bytes) -> tuple[str, str]:
    account = f"{int.from_bytes(seed[:8], 'big') % 10**18:018d}"
    # D is 13 and E is 14, as ISO 13616 has it.
    text = f"DE{98 - int(f'{account}131400') % 97:02d}{account}"
    return f"refund to {text} today", text


def _email(seed: bytes) -> tuple[str, str]:
    text = f"ada.{seed[:5].hex()}@example.com"
    return f"mail to {text} bounced", text


def _phone(seed: bytes) -> tuple[str, str]:
    text = f"+49 30 {int.from_bytes(seed[:4], 'big') % 10**8:08d}"
    return f"call {text} back", text


def _jwt(seed: bytes) -> tuple[str, str]:
    head = _base64(b'{"alg":"HS256","typ":"JWT"}')
    claims = _base64(b'{"sub":"%s"}' % seed[:6].hex().encode())
    text = f"{head}.{claims}.{_base64(seed)}"
    return f"with {text} the call fails", text


def _aws(seed: bytes) -> tuple[str, str]:
    text = "AKI" + "A" + "".join(_LETTERS[one % len(_LETTERS)] for one in seed[:16])
    return f"signed by {text} here", text


def _openai(seed: bytes) -> tuple[str, str]:
    text = "sk" + "-proj-" + seed[:20].hex()
    return f"used {text} for it", text


def _github(seed: bytes) -> tuple[str, str]:
    text = "gh" + "p_" + seed[:18].hex()
    return f"cloned with {text} first", text


def _pem(seed: bytes) -> tuple[str, str]:
    # More than one line, as keys have.
    lines = [b64encode(sha256(seed + bytes([n])).digest()).decode() for n in range(3)]
    name = "PRIVATE" + " KEY"
    text = "\n".join((f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"))
    return f"key:\n{text}\n", lines[1]


def _bearer(seed: bytes) -> tuple[str, str]:
    text = seed[:16].hex()
    return f"sent Bearer {text} along", text


def _password(seed: bytes) -> tuple[str, str]:
    text = f"Tr0ub4dor-{seed[:5].hex()}"
    return f"login with password={text} failed", text


def _json(seed: bytes) -> tuple[str, str]:
    text = f"correct horse {seed[:5].hex()}"
    return f'{{"user": 7, "client_secret": "{text}"}}', text


def _cookie(seed: bytes) -> tuple[str, str]:
    text = seed[:12].hex()
    return f"Cookie: theme=dark; sid={text}", text


def _userinfo(seed: bytes) -> tuple[str, str]:
    text = f"pw{seed[:6].hex()}"
    return f"GET https://svc:{text}@db.example.com/x timed out", text


def _url_token(seed: bytes) -> tuple[str, str]:
    text = seed[:14].hex()
    return f"GET https://example.com/x?page=2&access_token={text} timed out", text


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:  # noqa: PLR2004 - seven bits in a byte, as protobuf has them
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


_MAKERS: Final[dict[str, tuple[str, Callable[[bytes], tuple[str, str]]]]] = {
    "card": ("card", _card),
    "iban": ("iban", _iban),
    "email": ("email", _email),
    "phone": ("phone", _phone),
    "jwt": ("jwt", _jwt),
    "aws key": ("vendor_key", _aws),
    "openai key": ("vendor_key", _openai),
    "github key": ("vendor_key", _github),
    "pem": ("pem", _pem),
    "bearer": ("authorization", _bearer),
    "password": ("key", _password),
    "json": ("key", _json),
    "cookie": ("key", _cookie),
    "userinfo": ("userinfo", _userinfo),
    "url token": ("key", _url_token),
}
KINDS: Final = tuple(_MAKERS)
"""What kinds there are."""
