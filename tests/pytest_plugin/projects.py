"""A project with an app, and tests of it, that is run by pytest inside of pytest."""

import importlib
import importlib.util

import pytest

# Its name is that of no example: their modules stay imported in a process that runs both.
KIOSK = '''
"""An app that notes what it makes and releases; its providers hold task groups and the like."""

from collections.abc import AsyncIterator
from contextvars import ContextVar

import anyio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from lifescope import Container, Inject, inject, provider, supplied


def note(text):
    with open("log.txt", "a") as file:
        file.write(text + "\\n")


class Engine:
    pass


class Mailer:
    def send(self):
        return "real"


class FakeMailer(Mailer):
    def send(self):
        return "fake"


class Session:
    pass


class Work:
    pass


class Tenant(str):
    pass


greeting = ContextVar("greeting", default="nothing")


@provider(scope="app")
async def engine() -> AsyncIterator[Engine]:
    token = greeting.set("hello")
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)
        note("start engine")
        yield Engine()
        note("end engine")
        group.cancel_scope.cancel()
    greeting.reset(token)


@provider(scope="app")
def mailer(engine: Engine) -> Mailer:
    note("real mailer")
    return Mailer()


@provider(scope="request")
async def session(engine: Engine) -> AsyncIterator[Session]:
    greeting.set("hello from a session")
    with anyio.CancelScope():
        note("begin")
        try:
            yield Session()
        except BaseException as error:
            note(f"roll back {type(error).__name__}")
            raise
        note("commit")


class Orders:
    def __init__(self, session: Session, mailer: Mailer):
        self.session, self.mailer = session, mailer


@provider(scope="call")
async def work(session: Session) -> AsyncIterator[Work]:
    note("begin work")
    yield Work()
    note("end work")


def create_app(engine: Engine):
    @inject
    async def mail(request, orders: Inject[Orders]):
        return PlainTextResponse(orders.mailer.send())

    async def hello(request):
        return PlainTextResponse(greeting.get())

    async def echo(socket):
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    routes = [Route("/mail", mail), Route("/hello", hello), WebSocketRoute("/echo", echo)]
    return Starlette(routes=routes)


container = Container(engine, mailer, session, work, provider(Orders, scope="request"))
app = container.asgi(create_app)
'''

HAS_PYTEST_ASYNCIO = importlib.util.find_spec("pytest_asyncio") is not None
ASYNC_PLUGINS = ["anyio.pytest_plugin"]
if HAS_PYTEST_ASYNCIO:
    ASYNC_PLUGINS.append("pytest_asyncio.plugin")

_WARM = ["httpx", "starlette.applications", "starlette.testclient", "trio", *ASYNC_PLUGINS]
for _name in _WARM:
    importlib.import_module(_name)  # otherwise each run inside of this one does so


class Flavour:
    """A way to run async tests.

    Attributes:
        mark: What is in `pytestmark` of a module with async tests.
        options: For the command line.
        fixture: What makes an async fixture.
    """

    def __init__(
        self, mark: str, *options: str, backend: str = "asyncio", fixture: str = "pytest.fixture"
    ) -> None:
        self.mark = mark
        self._backend = backend
        self.options = options
        self.fixture = fixture

    @property
    def backend(self) -> str:
        """A fixture, for conftest.py, with the event loop that anyio's plugin uses."""
        return f"""
            import pytest

            @pytest.fixture(scope="session")
            def anyio_backend():
                return "{self._backend}"
        """


FLAVOURS = {
    "anyio-asyncio": Flavour("pytest.mark.anyio"),
    "anyio-trio": Flavour("pytest.mark.anyio", backend="trio"),
}
if HAS_PYTEST_ASYNCIO:
    FLAVOURS["strict"] = Flavour(
        "pytest.mark.asyncio", "-o", "asyncio_mode=strict", fixture="pytest_asyncio.fixture"
    )
    FLAVOURS["auto"] = Flavour("[]", "-o", "asyncio_mode=auto")


class Project:
    """A folder with an app and tests."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self._plugins = list(ASYNC_PLUGINS)
        self.files(kiosk=KIOSK)
        self.ini("lifescope_app = kiosk:app")

    def ini(self, *lines: str) -> None:
        """Configure pytest: these lines, and that every warning is an error."""
        has_loops = "pytest_asyncio.plugin" in self._plugins
        loops = ["asyncio_default_fixture_loop_scope = function"] if has_loops else []
        always = ["[pytest]", "pythonpath = .", "addopts = --strict-markers --strict-config"]
        warnings = ["filterwarnings =", " error", " ignore:Module already imported"]
        self._pytester.makeini("\n".join([*always, *loops, *warnings, *lines]))

    def files(self, **texts: str) -> None:
        """Modules, by their names."""
        self._pytester.makepyfile(**texts)

    def plugins(self, *names: str) -> None:
        """Which plugins there are, besides lifescope's; by default those for async tests."""
        self._plugins = list(names)

    def conftest(self, text: str) -> None:
        """The file conftest.py."""
        self._pytester.makeconftest(text)

    def run(self, *options: str, in_process: bool = True) -> pytest.RunResult:
        """Run its tests."""
        plugins = ["lifescope.pytest_plugin", "no:cacheprovider", *self._plugins]
        arguments = [*(f"-p{plugin}" for plugin in plugins), *options]
        if in_process:
            return self._pytester.runpytest_inprocess(*arguments)
        return self._pytester.runpytest_subprocess(*arguments, timeout=60)

    @property
    def log(self) -> list[str]:
        """What the app has noted."""
        file = self._pytester.path / "log.txt"
        return file.read_text().splitlines() if file.exists() else []
