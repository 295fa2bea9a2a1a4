"""What is said, and who says it. Knows no web, no Redis and no lifescope."""

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Literal, Self
from uuid import uuid4

Kind = Literal["said", "came", "left"]

_ROOM = re.compile(r"[a-z0-9-]{1,30}")
_NAME = re.compile(r"\w[\w .-]{0,29}")


class BadVisitorError(ValueError):
    """Raised when a room or a name is none; the text says what one looks like."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Message:
    """Something that happens in a room."""

    room: str
    name: str
    kind: Kind
    text: str = ""
    at: str = field(default_factory=_now)
    id: str = field(default_factory=lambda: uuid4().hex)

    def to_json(self) -> str:
        """The message as clients, and other processes, get it."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` has written."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Visitor:
    """Somebody, in a room."""

    room: str
    name: str

    def __post_init__(self) -> None:
        """Refuse what is no room or no name.

        Raises:
            BadVisitorError: One of the two is not.
        """
        if _ROOM.fullmatch(self.room) is None:
            raise BadVisitorError("A room has up to 30 letters a to z, digits and hyphens.")
        if _NAME.fullmatch(self.name) is None:
            raise BadVisitorError("A name has up to 30 letters, digits, spaces, dots and hyphens.")
