"""Values that look like a shop's: campaigns, people, devices, links. Drawn from a random stream that the caller owns, so that a seed gives them again.

Nothing here belongs to anyone: addresses are under example.com and numbers in ranges kept for fiction.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from random import Random
from typing import Any, Final

from currents_segment.flows.simulate.currents_types import Field

REDACTED: Final = "[REDACTED]"
OVERSIZE: Final = 40_000  # characters: far over Segment's 32,000 bytes, so that no way of counting brings it under
LONG: Final = 6_000  # characters: far under, whatever the encoding
NULLS: Final = 0.25  # share of null in nullable fields: names are null for about an hour after creation, and much is never set

_GIVEN: Final = ("Amara", "Bjørn", "Chloé", "Dmitri", "Emeka", "Fatima", "Guðrún", "Hanako", "Inés", "Jürgen", "Kwame", "Łucja")
_FAMILY: Final = ("Adeyemi", "Brandt", "Castillo", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jansen", "Kim", "Lopez")
_SEASONS: Final = ("Spring", "Summer", "Autumn", "Winter", "Black Friday", "Back to School", "New Year", "Weekend")
_THEMES: Final = ("Sale", "Welcome", "Win-back", "Cart Reminder", "Price Drop", "Newsletter", "Loyalty Points", "Delivery Update")
_PHONES: Final = ("iPhone15,3", "iPhone17,1", "Pixel 9", "SM-S921B", "Xiaomi 14", "iPad14,1")
_DOMAINS: Final = ("example.com", "mail.example.com", "example.org", "example.net")
_AGENTS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/133.0",
)
STRANGE: Final = (
    "Ünïcödé: «größer» ¿qué? ñandú",
    "日本語のキャンペーン「春」セール",
    "حملة الربيع",
    "👩🏽\u200d🚀🎉 50 % off 🇨🇭",  # joined and flag emoji: several code points, outside the first plane
    'quotes " and \\ backslash / slash',
    "tab\tnewline\ncarriage\rbell\x07",  # what JSON must escape
    "\x00 nul, \u2028 line separator, \ufeff mark",
    "a\u0301\u0328 combining, \U0001d518\U0001d52b\U0001d526",
)
"""Strings that a careless encoder breaks."""

_Draw = Callable[[Random], Any]


def _hex(digits: int) -> _Draw:
    return lambda rng: f"{rng.getrandbits(4 * digits):0{digits}x}"


def _one(*choices: str) -> _Draw:
    return lambda rng: rng.choice(choices)


def _phrase(rng: Random) -> str:
    return f"{rng.choice(_SEASONS)} {rng.choice(_THEMES)} {rng.randrange(2024, 2027)}"


def _link(rng: Random) -> str:
    return f"https://shop.example.com/{rng.choice(('sale', 'new', 'cart'))}/{rng.randrange(10_000)}?utm_campaign={rng.getrandbits(24):06x}&x=%C3%BC"


def _address(rng: Random) -> str:
    return f"192.0.2.{rng.randrange(1, 255)}"


_BY_NAME: Final[Mapping[str, _Draw]] = {
    "url": _link,
    "endpoint_url": _link,
    "short_url": lambda rng: f"https://s.example.com/{rng.getrandbits(30):x}",
    "url_path": lambda rng: f"/v1/orders/{rng.randrange(1_000_000)}",
    "host": _one(*_DOMAINS),
    "from_domain": _one(*_DOMAINS),
    "recipient_domain": _one(*_DOMAINS),
    "sending_ip": _address,
    "ip_pool": _one("transactional", "marketing"),
    "esp": _one("SPARKPOST", "SENDGRID", "AMAZON_SES"),
    "mailbox_provider": _one("Gmail", "Outlook", "Yahoo"),
    "from_phone_number": lambda rng: f"+1202555{rng.randrange(100, 200):04d}",
    "inbound_phone_number": lambda rng: f"+1202555{rng.randrange(100, 200):04d}",
    "subscription_status": _one("Subscribed", "Unsubscribed", "Opted-In"),
    "channel": _one("email", "sms", "push"),
    "timezone": _one("Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC"),
    "http_status_code": lambda rng: rng.choice((400, 404, 429, 500, 503)),
    "message_body": lambda rng: f"{_phrase(rng)}: tap {_link(rng)}",
    "message_extras": lambda rng: f'{{"order": {rng.randrange(10**6)}, "note": "a \\"quoted\\" word"}}',
    "bounce_reason": lambda rng: f"550 5.1.1 <{rng.getrandbits(20):x}@example.com>: user unknown",
    "button_id": lambda rng: str(rng.randrange(3)),
    "sdk_version": _one("12.0.0", "33.1.0", "5.8.1"),
    "browser": _one("Chrome", "Safari", "Firefox"),
    "user_agent": _one(*_AGENTS),
}

_BY_TYPE: Final[Mapping[str, _Draw]] = {
    "int": lambda rng: rng.choice((0, 1, -1, rng.randrange(1_000), 2**31 - 1, -(2**31))),
    "long": lambda rng: rng.choice((0, rng.randrange(10**12), 2**53 - 1, -(2**53 - 1))),  # beyond 2^53 a JSON reader may round
    "boolean": lambda rng: rng.random() < 0.5,  # noqa: PLR2004 - a coin
    "array<string>": lambda rng: [_link(rng) for _ in range(rng.randrange(4))],
    "string": _phrase,
}


def value(field: Field, rng: Random) -> Any:
    """A value that fits the field; null at times where null is allowed."""
    if field.nullable and rng.random() < NULLS:
        return None
    if field.type != "string":
        return (_BY_NAME[field.name] if field.name == "http_status_code" else _BY_TYPE[field.type])(rng)
    if draw := _BY_NAME.get(field.name):
        return str(draw(rng))
    if field.name.endswith("_id"):
        return _hex(24)(rng)
    return _phrase(rng)


def person(number: int, anonymous: bool, rng: Random) -> dict[str, str | None]:
    """A user of the shop: the value of every field that follows a user around. `user_id` and `external_user_id` are this user's alone."""
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILY)
    email = f"{given}.{family}.{number}@{rng.choice(_DOMAINS)}".lower()
    if rng.random() < 0.02:  # noqa: PLR2004 - a fiftieth of the users arrive hashed, as by Braze's own field transformation
        email = sha256(email.encode()).hexdigest()
    phone = f"+44770090{number % 10_000:04d}"
    model = rng.choice(_PHONES)
    return {
        "user_id": f"{rng.getrandbits(64):016x}{number:08x}",
        "external_user_id": None if anonymous else f"customer-{number:07d}",
        "email_address": email,
        "phone_number": phone,
        "to_phone_number": phone,
        "user_phone_number": phone,
        "device_id": _hex(32)(rng),
        "device_model": model,
        "platform": "ios" if model.startswith("iP") else "android",
        "os_version": rng.choice(("18.3", "17.6.1", "15", "14")),
        "gender": rng.choice(("F", "M", "O", None)),
        "country": rng.choice(("DE", "US", "JP", "BR", None)),
        "language": rng.choice(("de", "en", "ja", "pt")),
    }
