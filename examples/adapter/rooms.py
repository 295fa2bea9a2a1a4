"""A Falcon app with injected parameters."""

from collections.abc import AsyncIterator, Iterator

from falcon import HTTPConflict, asgi

from adapter import for_falcon
from adapter.for_falcon import App, Inject
from lifescope import Container, provider


# --8<-- [start:providers]
class Rooms:
    """Lives as long as the app."""

    def __init__(self) -> None:
        self.taken: set[str] = set()


class Booking:
    """A transaction: what it has taken is taken when it has been committed."""

    def __init__(self, guest: str) -> None:
        self.guest = guest
        self.taken: set[str] = set()


BOOKED: list[set[str]] = []


@provider(scope="app")
def rooms() -> Iterator[Rooms]:
    rooms = Rooms()
    yield rooms
    BOOKED.append(rooms.taken)


@provider(scope="request")
async def booking(rooms: Rooms, request: asgi.Request) -> AsyncIterator[Booking]:
    booking = Booking(request.get_header("X-Guest") or "nobody")
    yield booking  # an error is raised here, and nothing is taken
    rooms.taken |= booking.taken


# --8<-- [end:providers]


# --8<-- [start:app]
class Room:
    async def on_put(
        self, req: asgi.Request, resp: asgi.Response, room: str, *, booking: Inject[Booking]
    ) -> None:
        booking.taken.add(room)
        if room == "13":
            raise HTTPConflict(title="There is no such room")
        resp.text = f"{room} is for {booking.guest}"


def create_app() -> App:
    app = App()
    app.add_route("/rooms/{room}", Room())
    return app


container = Container(for_falcon.request, rooms, booking)
app = container.asgi(create_app)
# --8<-- [end:app]
