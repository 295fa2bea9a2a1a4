"""What goes over the wire, in and out."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from notes.storage import TITLE_LENGTH

NO_NUL = r"^[^\x00]*$"  # PostgreSQL cannot store this character


class NoteDraft(BaseModel):
    """A note that somebody wants to add."""

    title: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=1, max_length=TITLE_LENGTH, pattern=NO_NUL
        ),
    ]
    text: Annotated[str, StringConstraints(max_length=10_000, pattern=NO_NUL)] = ""


class NoteView(BaseModel):
    """A note as clients see it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    text: str
    announced: bool


class AuditView(BaseModel):
    """An audit entry as clients see it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    action: str
