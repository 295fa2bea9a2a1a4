"""Letters to customers. Sending one blocks, because it goes to a file. Knows no lifescope."""

import mailbox
from collections.abc import Awaitable, Generator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from string import Template
from threading import Lock

from anyio import to_thread

MAILS = Path(__file__).with_name("mails")


class Templates:
    """What letters look like."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def write(self, template: str, /, **values: object) -> EmailMessage:
        """The letter that *template* makes of *values*."""
        subject, _, text = Template(self._texts[template]).substitute(values).partition("\n\n")
        letter = EmailMessage()
        letter["Subject"] = subject
        letter.set_content(text)
        return letter


async def load_templates() -> Templates:
    """Read all templates."""
    return Templates(await to_thread.run_sync(_read))


def _read() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(MAILS.glob("*.txt"))}


class Outbox:
    """A file of letters. What it does blocks."""

    def __init__(self, file: mailbox.mbox) -> None:
        self._file = file
        self._turn = Lock()

    def put(self, letter: EmailMessage) -> None:
        with self._turn:
            self._file.lock()
            try:
                self._file.add(letter)
                self._file.flush()
            finally:
                self._file.unlock()


# --8<-- [start:outbox]
@contextmanager
def open_outbox(path: Path) -> Generator[Outbox]:
    """Open the file at *path*; that blocks, and so does closing it."""
    file = mailbox.mbox(path)
    try:
        yield Outbox(file)
    finally:
        file.close()


# --8<-- [end:outbox]


class Mailer:
    """Sends letters, without holding up anybody else."""

    def __init__(self, outbox: Outbox, templates: Awaitable[Templates]) -> None:
        self._outbox = outbox
        self._templates = templates

    async def send(self, template: str, /, to: str, **values: object) -> None:
        """Send the letter that *template* makes of *values*."""
        letter = (await self._templates).write(template, **values)
        letter["To"] = to
        await to_thread.run_sync(self._outbox.put, letter)
