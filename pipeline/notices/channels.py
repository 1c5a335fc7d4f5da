"""Where people are told: Apprise addresses, and sending to them. Sole importer of apprise.

An address holds passwords. It is never logged, written or shown, and nothing of what Apprise
logs is, since that may hold it, too.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING, TypeVar

from pipeline.errors import SettingsError
from pipeline.notices.addresses import named
from pipeline.notices.messages import Message
from pipeline.settings_faults import CHANNEL

if TYPE_CHECKING:
    from apprise import Apprise

PATIENCE = 60.0
"""Seconds after which a service that has not taken a message is left alone.

Apprise itself gives up earlier: after 4 seconds without a connection or an answer, 15 for mail.
"""

MOST_PIECES = 20
"""Messages that one notice is divided into; WeCom takes so many in a minute."""

ROOM = 100
"""Bytes of a message that are left to its title's number and a service's own words."""

ESCAPING = "dingtalk"
"""The service that counts a Chinese character as 6 bytes, where UTF-8 has 3."""

HOW_TO_TRY = "try its address as docs/notices.md says"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Channel:
    """One address. `service` is its scheme, such as `slack`; `id` tells it from others."""

    service: str
    address: str = field(repr=False)

    @property
    def id(self) -> str:
        """A digest of the address: 16 hexadecimal digits."""
        return hashlib.sha256(self.address.encode("utf-8", "replace")).hexdigest()[:16]


def channel(setting: str, where: str) -> Channel:
    """The channel that a setting names by its address, or by `$NAME` of a variable with one.

    Raises `SettingsError` where there is none.
    """
    address = named(setting, where, form=CHANNEL, what="Apprise address", such_as="slack://...")
    return Channel(address.partition("://")[0].lower(), address)


def opened(asked: Channel, where: str) -> "Apprise":
    """Apprise with that channel alone; nothing is sent. It takes 0.2 seconds the first time.

    Raises `SettingsError` where Apprise does not know the address or fails over it, or a
    package that it needs is not installed.
    """
    sender, trouble = _asked(lambda: _sender(asked.address))
    if sender is None:
        what = f"Apprise does not know this {asked.service} address"
        raise SettingsError(
            f"{what}: {trouble}" if trouble else what,
            where=where,
            next_step="Compare it with docs/notices.md and https://appriseit.com/services",
        )
    return sender


def _sender(address: str) -> "Apprise | None":
    """None where Apprise does not know the address."""
    import logging

    from apprise import Apprise, AppriseAsset, OverflowMode

    logging.getLogger("apprise").disabled = True
    asset = AppriseAsset(
        app_id="paperline",
        app_desc="paperline",
        image_url_mask=None,
        image_path_mask=False,
        http_redirects=False,
        async_mode=False,
        service_timeout=0,  # `_asked` keeps the time, in a thread that ends with the program
    )
    service = Apprise.instantiate(address, asset=asset)
    if service is None:
        return None
    service.overflow_mode = OverflowMode.SPLIT
    return Apprise(service, asset=asset)


def deliver(sender: "Apprise", message: Message) -> str | None:
    """Send a message, in several pieces where it is long; what went wrong, if anything did.

    What follows on a piece that was not taken is not sent.
    """
    most, trouble = _asked(lambda: room(sender, message.title))
    if most is None:
        return trouble
    bodies = list(pieces(message, most))
    for number, body in enumerate(bodies, 1):
        title = f"{message.title} ({number}/{len(bodies)})" if len(bodies) > 1 else message.title
        if trouble := _sent(sender, title, body):
            return trouble
    return None


def room(sender: "Apprise", title: str) -> int:
    """Bytes of text that the channel takes at once, beside the title.

    Half of what it takes where the text grows on its way: by markup, or as JSON in ASCII.
    """
    from apprise import NotifyFormat

    (service,) = sender.find()
    marked_up = service.resolve_format(NotifyFormat.TEXT) is not NotifyFormat.TEXT
    most: int = service.body_maxlen // (
        2 if marked_up or service.secure_protocol == ESCAPING else 1
    )
    return most - len(title.encode()) - ROOM


def pieces(message: Message, most: int) -> Iterator[str]:
    """The message's blocks, as many in a piece as go into `most` bytes; 20 pieces at most.

    A block that is longer by itself is a piece, which Apprise divides.
    """
    texts: list[str] = []
    for block in message.blocks:
        if texts and len(f"{texts[-1]}\n\n{block}".encode()) <= most:
            texts[-1] += f"\n\n{block}"
        else:
            texts.append(block)
    yield from texts[:MOST_PIECES] if len(texts) <= MOST_PIECES else texts[: MOST_PIECES - 1]
    if len(texts) > MOST_PIECES:
        yield message.rest


def _sent(sender: "Apprise", title: str, body: str) -> str | None:
    from apprise import NotifyFormat

    taken, trouble = _asked(
        lambda: bool(sender.notify(body, title=title, body_format=NotifyFormat.TEXT))
    )
    return trouble or (None if taken else "it did not take the message")


def _asked(apprise: Callable[[], Answer]) -> tuple[Answer | None, str | None]:
    """What Apprise answers; else None and what went wrong, without the words of what it raised.

    In a thread of its own, which ends with the program: a hundred services and the packages
    that they use raise whatever they like, or never answer, and no notice may fail a run.
    """
    raised: list[BaseException] = []
    pool = ThreadPool(1)
    asked = pool.apply_async(apprise, error_callback=raised.append)
    pool.close()
    asked.wait(PATIENCE)
    if not asked.ready():
        return None, "it did not answer in time"
    if raised:
        return None, f"it failed: {type(raised[0]).__name__}"
    return asked.get(), None
