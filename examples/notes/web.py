"""The routes: HTTP and WebSocket in, answers out."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from fastapi import (
    APIRouter,
    BackgroundTasks,
    FastAPI,
    HTTPException,
    WebSocket,
    WebSocketDisconnect,
    status,
)
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lifescope.integrations.fastapi import Inject
from notes import storage
from notes.announcer import Announcer
from notes.feed import Feed
from notes.schemas import AuditView, NoteDraft, NoteView
from notes.storage import Transaction

PAGE = Path(__file__).with_name("page.html")

NoteId = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]  # what PostgreSQL's INTEGER holds

router = APIRouter()


def create_app() -> FastAPI:
    """Make the web application; the app scope is open when lifescope calls this."""
    app = FastAPI(title="Notes")
    app.include_router(router)
    return app


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    return FileResponse(PAGE)


@router.get("/healthz")
async def healthz(session: Inject[AsyncSession]) -> dict[str, str]:
    await session.execute(text("SELECT 1"))
    return {"status": "ok"}


@router.get("/notes")
async def list_notes(session: Inject[AsyncSession]) -> list[NoteView]:
    return [NoteView.model_validate(note) for note in await storage.list_notes(session)]


@router.get("/notes/{note_id}")
async def get_note(note_id: NoteId, session: Inject[AsyncSession]) -> NoteView:
    note = await storage.get_note(session, note_id)
    if note is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such note.")
    return NoteView.model_validate(note)


@router.post("/notes", status_code=status.HTTP_201_CREATED)
async def create_note(
    draft: NoteDraft,
    background: BackgroundTasks,
    transaction: Inject[Transaction],
    announcer: Inject[Announcer],
) -> NoteView:
    await storage.record(transaction, f"create {draft.title}")
    try:
        note = await storage.add_note(transaction, draft.title, draft.text)
    except storage.TitleTakenError as error:
        # This leaves the endpoint, so the audit entry above is rolled back with everything else.
        raise HTTPException(
            status.HTTP_409_CONFLICT, f"There is a note called “{draft.title}” already."
        ) from error
    view = NoteView.model_validate(note)
    background.add_task(announcer.announce, view)  # runs after the commit and the response
    return view


@router.delete("/notes/{note_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_note(note_id: NoteId, transaction: Inject[Transaction]) -> None:
    await storage.record(transaction, f"delete note {note_id}")
    if not await storage.delete_note(transaction, note_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such note.")


@router.get("/audit")
async def list_audit(session: Inject[AsyncSession]) -> list[AuditView]:
    return [AuditView.model_validate(entry) for entry in await storage.list_audit(session)]


@router.get("/export")
async def export(session: Inject[AsyncSession]) -> StreamingResponse:
    """All notes, one JSON object per line, sent while they are read."""
    return StreamingResponse(
        _lines(session),  # the session of this request stays open until the body is sent
        media_type="application/x-ndjson",
        headers={"Content-Disposition": 'attachment; filename="notes.ndjson"'},
    )


async def _lines(session: AsyncSession) -> AsyncIterator[str]:
    async for note in storage.stream_notes(session):
        yield NoteView.model_validate(note).model_dump_json() + "\n"


@router.websocket("/live")
async def live(websocket: WebSocket, feed: Inject[Feed]) -> None:
    with feed.listen() as messages:  # before accepting, so that the client misses nothing
        await websocket.accept()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_forward, messages, websocket)
            await _until_disconnect(websocket)  # a page can go although no note comes
            tasks.cancel_scope.cancel()


async def _forward(messages: MemoryObjectReceiveStream[str], websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        async for message in messages:
            await websocket.send_text(message)
        # The feed cut us off. The page connects again and reads the whole list.
        await websocket.close(status.WS_1013_TRY_AGAIN_LATER, "too far behind")


async def _until_disconnect(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
