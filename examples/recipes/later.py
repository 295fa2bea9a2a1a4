"""What the page "Ask for something later" shows."""

from collections.abc import AsyncIterator

from lifescope import Container, Current, Factory, Lazy, provider


class SearchIndex:
    """Slow to load, and seldom needed."""


class Worker:
    """One connection to a queue."""

    is_open = True


class User:
    def __init__(self, name: str) -> None:
        self.name = name


# --8<-- [start:lazy]
@provider(scope="app")
class Shop:
    def __init__(self, index: Lazy[SearchIndex]) -> None:
        self._index = index

    async def search(self, text: str) -> str:
        index = await self._index  # loaded now, by the first who searches
        return f"{text} in {type(index).__name__}"


# --8<-- [end:lazy]


# --8<-- [start:factory]
@provider(scope="app")
class Importer:
    def __init__(self, open_worker: Factory[Worker]) -> None:
        self._open_worker = open_worker

    async def run(self, batches: int) -> int:
        for _ in range(batches):
            async with self._open_worker() as worker:  # a new one; released at the end
                assert worker.is_open
        return batches


# --8<-- [end:factory]


# --8<-- [start:current]
@provider(scope="app")
class AuditLog:
    def __init__(self, user: Current[User]) -> None:
        self._user = user
        self.lines: list[str] = []

    async def write(self, what: str) -> None:
        user = await self._user  # of the request that is running
        self.lines.append(f"{user.name}: {what}")


# --8<-- [end:current]

USERS = iter(["Ada", "Grace"])


@provider(scope="request")
def user() -> User:
    return User(next(USERS))


@provider(scope="app")
async def search_index() -> AsyncIterator[SearchIndex]:
    yield SearchIndex()


WORKERS: list[Worker] = []


@provider(scope="app")
async def worker() -> AsyncIterator[Worker]:
    it = Worker()
    WORKERS.append(it)
    yield it
    it.is_open = False


container = Container(Shop, Importer, AuditLog, user, search_index, worker)
