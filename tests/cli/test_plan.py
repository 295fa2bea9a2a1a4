"""`lifescope plan`: what an entry point acquires and releases, in order (G2, G7)."""

import pytest

from cli.conftest import Run, Write
from cli.test_check import BROKEN_ROUTES
from cli.test_explain import section
from lifescope import cli

APP = """
from fastapi import Depends, FastAPI
from lifescope.integrations.fastapi import Inject as FastInject

class D: pass
class E: pass

@provider(scope="call")
async def make_c(b: B) -> AsyncIterator[C]:
    calls.append("C")
    yield C()

@provider(scope="app", eager=True)
async def make_d() -> AsyncIterator[D]:
    calls.append("D")
    yield D()

@provider(scope="app", eager=False)
def make_e() -> E:
    calls.append("E")

async def first(b: FastInject[B]) -> None: ...
async def twice(b: FastInject[B]) -> None: ...

def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{number}", dependencies=[Depends(first), Depends(twice)])
    async def item(number: int, c: FastInject[C], e: FastInject[E]) -> None: ...

    @app.put("/items/{number}", dependencies=[Depends(twice)])
    async def put(number: int, d: FastInject[Lazy[D]]) -> None: ...

    @app.get("/plain")
    async def plain() -> None: ...

    @app.websocket("/live")
    async def live(b: FastInject[B]) -> None: ...

    return app

container = Container(make_a, make_b, make_c, make_d, make_e)
app = container.asgi(create_app)
"""


def plan(run: Run, name: str, *entry: str) -> str:
    done = run("plan", f"{name}:app", *entry)
    assert done.code == 0, done.err
    return done.out


def test_request(run: Run, program: Write) -> None:
    """G2: Dependencies first, then the endpoint; released the narrowest scope first."""
    text = plan(run, program(APP), "GET /items/{number}")
    assert text.startswith("GET /items/{number}\n\n")
    assert [words[:2] for words in section(text, "Asks for:")] == [
        ["first(b)", "B"],
        ["twice(b)", "B"],
        ["item(c)", "C"],
        ["item(e)", "E"],
    ]
    assert section(text, "There since the app has started:") == [["app", "A", "make_a()"]]
    assert section(text, "Made for the first request that asks, and kept:") == [
        ["app", "E", "make_e()"]
    ]
    assert [words[1:4] for words in section(text, "Acquired, in this order:")] == [
        ["request", "B", "make_b()"],
        ["call", "C", "make_c()"],
    ]
    assert [words[1:4] for words in section(text, "Released, in this order:")] == [
        ["call", "C", "make_c()"],
        ["request", "B", "make_b()"],
    ]


def test_what_is_asked_for_later(run: Run, program: Write) -> None:
    """A handle acquires nothing yet."""
    text = plan(run, program(APP), "PUT /items/{number}")
    assert section(text, "Asked for later:") == [
        ["Lazy[D]", "made", "when", "it", "is", "first", "awaited"]
    ]
    assert [words[1:4] for words in section(text, "Acquired")] == [["request", "B", "make_b()"]]


def test_route_that_asks_for_nothing(run: Run, program: Write) -> None:
    """It has a plan as well: an empty one."""
    assert "nothing is acquired" in plan(run, program(APP), "/plain")


ENTRIES = {
    "/live": "WebSocket /live",
    "websocket /live": "WebSocket /live",
    "get /items/{number}": "GET /items/{number}",
    "first": "GET /items/{number}",
    "item": "GET /items/{number}",
    "twice": "twice()",
    "twice()": "twice()",
    "start": "start",
    "factory": "factory",
    "create_app": "factory",
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_entry_as_people_write_it(run: Run, program: Write, entry: str) -> None:
    """A route, its path where that is unique, a function, the start or the factory."""
    assert plan(run, program(APP), entry).splitlines()[0] == ENTRIES[entry]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("/items/{number}", '"/items/{number}" may be: GET /items/{number}; PUT /items/{number}'),
        ("GET /items", 'no entry point is called "GET /items"; there is GET /items/{number}'),
        ("PUT /plain", "there is"),
        ("itme", "there is"),
    ],
)
def test_near_misses(run: Run, program: Write, entry: str, text: str) -> None:
    """One line, and the exit code of a wrong command line."""
    done = run("plan", f"{program(APP)}:app", entry)
    assert done.code == cli.WRONG_USE
    [line] = done.err.splitlines()
    assert text in line


def test_start(run: Run, program: Write) -> None:
    """G7: What is eager and what the factory asks for, the factory, what the routes ask for."""
    text = plan(run, program(APP), "start")
    assert [w[:4] for w in section(text, "Made before create_app is called")] == [
        ["1.", "app", "D", "make_d()"]
    ]
    assert [w[:4] for w in section(text, "Made then, as the routes ask for it")] == [
        ["2.", "app", "A", "make_a()"]
    ]
    assert section(text, "Released when the app stops") == [["1.", "app", "D", "make_d()"]]


def test_factory_that_asks(run: Run, program: Write) -> None:
    """It is not called; what it needs comes first, then all that routes might ask for."""
    name = program("""
    async def create_app(a: A): ...

    @provider(scope="app")
    def make_c() -> C: ...

    app = Container(make_a, make_c).asgi(create_app)
    """)
    text = plan(run, name, "start")
    assert section(text, "Asks for:")[0][:2] == ["create_app(a)", "A"]
    assert section(text, "Made before create_app")[0][1:4] == ["app", "A", "make_a()"]
    assert section(text, "Made then")[0][1:4] == ["app", "C", "make_c()"]
    assert "not known here" in text
    done = run("plan", f"{name}:app", "GET /")
    assert done.code == cli.WRONG_USE
    assert "create_app is async" in done.err


def test_source(run: Run, program: Write) -> None:
    """The generated functions: the one that fills the endpoint, and those it calls."""
    name = program(APP)
    text = plan(run, name, "GET /items/{number}", "--source")
    functions = [line.split("(")[0] for line in text.splitlines() if line.startswith("async def")]
    assert functions[0] == "async def fill_first"
    assert "async def acquire_b" in functions
    assert len(set(functions)) == len(functions)
    assert "handle = make_c(b)" in text
    assert "async def acquire_d(scope):" in plan(run, name, "start", "--source")
    assert "async def fill_create_app(scope):" in plan(run, name, "factory", "--source")


def test_container_has_no_entry_points(run: Run, program: Write) -> None:
    """The root has them."""
    done = run("plan", f"{program(APP)}:container", "start")
    assert done.code == cli.WRONG_USE
    assert "name what container.asgi() returned" in done.err


def test_broken_route(run: Run, program: Write) -> None:
    """What cannot be filled has no plan: the report, and the exit code of a problem."""
    done = run("plan", f"{program(BROKEN_ROUTES)}:app", "GET /")
    assert done.code == cli.PROBLEMS
    assert "[LS100] 2 problems" in done.err
    assert done.out == ""
