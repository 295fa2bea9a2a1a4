"""What may be said, and how it is said. Knows no web, no Redis and no lifescope."""

import re
from typing import Protocol

from chat.backend import Bus
from chat.messages import Message, Visitor

LONGEST = 1000


class RefusedError(Exception):
    """Raised when something may not be said; the text is for who wanted to."""


class Rule(Protocol):
    """One thing to know about what is said here."""

    def apply(self, text: str) -> str:
        """The text as it may be said.

        Raises:
            RefusedError: It may not.
        """
        ...


class NotTooLong:
    def apply(self, text: str) -> str:
        text = text.strip()
        if not text:
            raise RefusedError("There is nothing to say.")
        if len(text) > LONGEST:
            raise RefusedError(f"That is longer than {LONGEST} characters.")
        return text


class NoShouting:
    def apply(self, text: str) -> str:
        return re.sub(r"!{2,}", "!", text.capitalize() if text.isupper() else text)


class Talk:
    """Says things in rooms."""

    def __init__(self, bus: Bus, rules: list[Rule]) -> None:
        self._bus = bus
        self._rules = rules

    async def say(self, visitor: Visitor, text: str) -> Message:
        """Say *text*, or what the rules leave of it.

        Raises:
            RefusedError: A rule is against it.
        """
        for rule in self._rules:
            text = rule.apply(text)
        message = Message(visitor.room, visitor.name, "said", text)
        await self._bus.publish(message)
        return message
