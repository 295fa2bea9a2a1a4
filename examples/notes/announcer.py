"""What happens after a note was added, in the background. Knows no lifescope."""

import logging
from dataclasses import dataclass

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from notes import storage
from notes.feed import Feed
from notes.schemas import NoteView
from notes.storage import Transaction

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Announcer:
    """Tells the open pages and the webhook about a note, then marks the note as announced."""

    session: AsyncSession
    feed: Feed
    http: httpx.AsyncClient
    webhook_url: str | None

    async def announce(self, note: NoteView) -> None:
        """Announce *note*, which must be committed: who hears of it may ask for it at once."""
        message = note.model_dump_json()
        self.feed.publish(message)
        if self.webhook_url is not None and not await self._post(self.webhook_url, message):
            return
        # Begun after the webhook answered, so that no connection is held while waiting for it.
        async with self.session.begin():
            await storage.mark_announced(Transaction(self.session), note.id)

    async def _post(self, url: str, message: str) -> bool:
        headers = {"Content-Type": "application/json"}
        try:
            response = await self.http.post(url, content=message, headers=headers)
            response.raise_for_status()
        except httpx.HTTPError as error:
            # Only the kind of error: its text can hold the URL, and the URL a token.
            logger.warning("The webhook did not take the note: %s", type(error).__name__)
            return False
        return True
