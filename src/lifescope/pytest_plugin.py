"""The plugin for pytest, registered on install: a running app, and what is in it, as fixtures.

It does nothing in projects that use none of its fixtures and options; frameworks are imported
when a fixture needs them.
"""

import pkgutil
from collections.abc import Callable, Generator, Mapping
from typing import Any, Literal, TypeVar, cast

import pytest
from typing_extensions import TypeForm

from lifescope import Container
from lifescope._model.keys import as_key
from lifescope._model.names import Place, place_of
from lifescope._runtime.overrides import Override
from lifescope._under_test import drivers
from lifescope._under_test.overriding import HAS_PASSED, LifescopeOverride
from lifescope._under_test.runs import Run, container_of, running
from lifescope._under_test.scopes import SCOPES_OF, ScopeInTest, Scopes

__all__ = ["LifescopeOverride", "ScopeInTest", "lifescope_fixture"]

for _each in (LifescopeOverride, ScopeInTest):
    _each.__module__ = __name__
del _each

T = TypeVar("T")

PytestScope = Literal["function", "class", "module", "package", "session"]


def lifescope_fixture(
    key: TypeForm[T],
    *,
    scope: PytestScope = "function",
    name: str | None = None,
    autouse: bool = False,
) -> Callable[..., T]:
    """A fixture for *key*, to be assigned to its name.

    `order_service = lifescope_fixture(OrderService)`

    The object comes from the app under test while it runs, as it would for a request: what
    lives in the app scope is that of the app, and all such fixtures of one test share one
    request scope, which is that of `lifescope_scope`, too. It works for tests that are async
    and for those that are not.

    Args:
        key: A type form, `Annotated[T, Named("...")]` for a qualified one.
        scope: As for any fixture; it must not be wider than `lifescope_run_per`. Fixtures of a
            wider scope share a request scope of their own.
        name: The name of the fixture; by default, that of the variable.
        autouse: As for any fixture.
    """

    def give(request: pytest.FixtureRequest, _lifescope_key: object) -> Any:
        __tracebackhide__ = True
        kind = _kind_of(request._pyfuncitem)
        scopes = request.getfixturevalue(f"_lifescope_{kind}_scopes_{request.scope}")
        return scopes.give(key, request.fixturename)

    give.__doc__ = f"{as_key(key)}, from the app under test."
    return cast("Callable[..., T]", pytest.fixture(scope=scope, name=name, autouse=autouse)(give))


def _kind_of(test: Any) -> str:
    return "async" if drivers.is_async(test) else "sync"


# --- options --------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    parser.addini(
        "lifescope_app", "the app under test, as module:app: what container.asgi() returns"
    )
    parser.addini(
        "lifescope_run_per",
        "how often the app under test is started: once per function, class, module, package "
        "or session",
        default="function",
    )
    group = parser.getgroup("lifescope")
    group.addoption(
        "--lifescope-setup-show",
        action="store_true",
        help="show what containers under test acquire and release, as it happens",
    )
    group.addoption(
        "--lifescope-unused",
        action="store_true",
        help="list the providers of containers under test that no test has used",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add what depends on the options, and on other plugins."""
    per = config.getini("lifescope_run_per")
    if per not in drivers.SCOPES:
        raise pytest.UsageError(
            f'lifescope_run_per = "{per}" is none of pytest\'s scopes: {", ".join(drivers.SCOPES)}'
        )
    config.addinivalue_line(
        "markers",
        'lifescope_scope(name): the scope that lifescope_scope opens, instead of "request"',
    )
    if drivers.has_pytest_asyncio(config):
        from lifescope._under_test import asyncio_loops

        config.pluginmanager.register(asyncio_loops, "lifescope-asyncio-loops")
    if _is_watched(config):
        from lifescope._under_test.reports import WATCH, Watch

        config.stash[WATCH] = Watch(config)


def _is_watched(config: pytest.Config) -> bool:
    return bool(config.getoption("lifescope_setup_show") or config.getoption("lifescope_unused"))


def _run_per(fixture_name: str, config: pytest.Config) -> Any:
    """The scope of the fixtures that live as long as the app under test."""
    return config.getini("lifescope_run_per")


# --- what is under test ---------------------------------------------------------------------


@pytest.fixture(scope="session")
def lifescope_app(request: pytest.FixtureRequest) -> Any:
    """The app under test, not running: what `container.asgi()` returns, or a Container.

    It is named by `lifescope_app` in the configuration; or override this fixture.
    """
    name = str(request.config.getini("lifescope_app"))
    if not name:
        pytest.fail(
            "lifescope does not know which app is under test: say lifescope_app = "
            '"module:app" in the configuration of pytest, or override the fixture '
            "lifescope_app in conftest.py",
            pytrace=False,
        )
    return pkgutil.resolve_name(name)


@pytest.fixture(scope=_run_per)
def lifescope_replacements() -> Mapping[Any, Any]:
    """What is replaced before the app under test starts: key to replacement; override this."""
    return {}


@pytest.fixture(scope=_run_per)
def _lifescope_variant(
    request: pytest.FixtureRequest, lifescope_app: Any, lifescope_replacements: object
) -> Any:
    """Which definitions of the fixtures above hold; see `pytest_generate_tests`."""
    return getattr(request, "param", None)


@pytest.fixture(scope=_run_per)
def lifescope_container(
    request: pytest.FixtureRequest, lifescope_app: Any, _lifescope_variant: object
) -> Container:
    """The container of the app under test."""
    container = container_of(lifescope_app)
    if _is_watched(request.config):
        from lifescope._under_test.reports import WATCH

        request.config.stash[WATCH].add(container)
    return container


@pytest.fixture(scope=_run_per)
def _lifescope_key(lifescope_container: Container) -> None:
    """What all keys as fixtures need; see `pytest_generate_tests`."""


_BASE = pytest.StashKey[object]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Where one app runs for several tests, see that a test gets the right one."""
    if _run_per("", metafunc.config) != "function":
        if "_lifescope_key" in metafunc.fixturenames:
            _start_first(metafunc)
        if "_lifescope_variant" in metafunc.fixturenames:
            _tell_variants_apart(metafunc)


def _start_first(metafunc: pytest.Metafunc) -> None:
    """Have the app started before any fixture that may be a narrower one is set up.

    Keys as fixtures find out late in which event loop there has to be an app. Started by them,
    it would have, and keep, the overrides of the test that happens to be the first.
    """
    known = metafunc.definition._fixtureinfo.name2fixturedefs
    run = f"_lifescope_{_kind_of(metafunc.definition)}_run"
    names = metafunc.fixturenames
    if run not in names:
        narrower = drivers.SCOPES[: drivers.SCOPES.index(_run_per("", metafunc.config))]
        first = [n for n in names if n not in known or known[n][-1].scope in narrower]
        names.insert(names.index(first[0]) if first else len(names), run)


def _tell_variants_apart(metafunc: pytest.Metafunc) -> None:
    """See that a module with an app or replacements of its own does not get what is cached.

    pytest would go on with the app that runs: a fixture is set up again for another parameter,
    but not for another definition of what it depends on. So where there are other definitions,
    they are a parameter; one that does not show.
    """
    config = metafunc.config
    known = metafunc.definition._fixtureinfo.name2fixturedefs
    variant = tuple(known[name][-1] for name in ("lifescope_app", "lifescope_replacements"))
    if variant != config.stash.setdefault(_BASE, variant) and hasattr(pytest, "HIDDEN_PARAM"):
        metafunc.parametrize(
            "_lifescope_variant", [variant], indirect=True, ids=[pytest.HIDDEN_PARAM]
        )


# --- while it runs --------------------------------------------------------------------------


@pytest.fixture(scope=_run_per)
def _lifescope_sync_run(
    request: pytest.FixtureRequest,
    lifescope_app: Any,
    lifescope_container: Container,
    lifescope_replacements: Mapping[Any, Any],
) -> Generator[Run]:
    """The app, running in a thread, for tests that are not async."""
    __tracebackhide__ = True
    with drivers.portal_driver(request) as driver:
        with _replaced(request, lifescope_container, lifescope_replacements):
            with running(request.config, driver, lifescope_app) as run:
                yield run


@pytest.fixture(scope=_run_per)
def _lifescope_async_run(
    request: pytest.FixtureRequest,
    lifescope_app: Any,
    lifescope_container: Container,
    lifescope_replacements: Mapping[Any, Any],
) -> Generator[Run]:
    """The app, running in the event loop of the tests."""
    __tracebackhide__ = True
    with drivers.async_driver(request) as driver:
        with _replaced(request, lifescope_container, lifescope_replacements):
            with running(request.config, driver, lifescope_app) as run:
                yield run


def _replaced(
    request: pytest.FixtureRequest, container: Container, replacements: Mapping[Any, Any]
) -> Override:
    """The override of what is replaced; it is written where the fixture that says so is."""
    fixture = request._get_active_fixturedef("lifescope_replacements")
    place = place_of(fixture.func) or Place(fixture.argname, 1)
    return container._override_at(place, replacements)


@pytest.fixture(scope=_run_per)
def lifescope_client(_lifescope_sync_run: Run) -> Generator[Any]:
    """Starlette's TestClient for the app under test, which runs; for tests that are not async."""
    __tracebackhide__ = True
    from lifescope._under_test.clients import client

    made = client(_lifescope_sync_run)
    yield made
    made.close()


@pytest.fixture(scope=_run_per)
def lifescope_async_client(_lifescope_async_run: Run) -> Generator[Any]:
    """An httpx.AsyncClient for the app under test, which runs in the event loop of the test."""
    __tracebackhide__ = True
    from lifescope._under_test.clients import async_client

    made = async_client(_lifescope_async_run)
    yield made
    _lifescope_async_run.driver.run(made.aclose)


@pytest.fixture(scope=_run_per)
def lifescope_running(_lifescope_async_run: Run) -> Any:
    """The app under test as an ASGI app that has been started, for a client of your own."""
    return _lifescope_async_run.app


# --- scopes ---------------------------------------------------------------------------------


@pytest.fixture
def lifescope_values() -> Mapping[Any, Any]:
    """What is handed in to the scope of the test, key to object: for `supplied`; override this."""
    return {}


@pytest.fixture
def lifescope_scope(_lifescope_async_scopes_function: Scopes) -> ScopeInTest:
    """An open scope inside the running app, the current one in the test: a request's scope."""
    return ScopeInTest(_lifescope_async_scopes_function)


def _scopes_fixture(kind: str, scope: Any) -> Any:
    """A fixture for what is open as long as *scope* of pytest."""

    def scopes(request: pytest.FixtureRequest) -> Generator[Scopes]:
        __tracebackhide__ = True
        run: Run = request.getfixturevalue(f"_lifescope_{kind}_run")
        is_of_test = scope == "function"
        marker = request.node.get_closest_marker("lifescope_scope")
        values = request.getfixturevalue("lifescope_values") if is_of_test else dict[Any, Any]()
        opened = Scopes(run, marker and marker.args[0], values, is_visible=is_of_test)
        opened.open()
        known = request.node.stash.setdefault(SCOPES_OF, [])
        known.append(opened)
        yield opened
        known.remove(opened)
        opened.close(request.node.stash.get(_OUTCOME, None))

    return pytest.fixture(scope=scope, name=f"_lifescope_{kind}_scopes_{scope}")(scopes)


for _kind in ("sync", "async"):
    for _scope in drivers.SCOPES:
        globals()[f"_lifescope_{_kind}_scopes_{_scope}"] = _scopes_fixture(_kind, _scope)


_OUTCOME = pytest.StashKey[BaseException]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Keep how a test ends, for the scopes and overrides that it had."""
    try:
        result = yield
    except pytest.skip.Exception:
        raise
    except BaseException as error:
        if item.stash.get(SCOPES_OF, None):
            item.stash[_OUTCOME] = error
        raise
    item.stash[HAS_PASSED] = True
    return result


# --- overrides ------------------------------------------------------------------------------


@pytest.fixture
def lifescope_override(
    request: pytest.FixtureRequest, lifescope_container: Container
) -> Generator[LifescopeOverride]:
    """Replaces providers until the end of the test: `lifescope_override(Mailer, FakeMailer())`."""
    __tracebackhide__ = True
    override = LifescopeOverride(request, lifescope_container)
    yield override
    override.end()


# --- reports --------------------------------------------------------------------------------


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop listening; a worker of pytest-xdist sends on what it has seen."""
    if not _is_watched(session.config):
        return
    from lifescope._under_test.reports import WATCH

    watch = session.config.stash[WATCH]
    watch.listening.close()
    sent: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if sent is not None:
        sent["lifescope_usages"] = watch.data()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker of pytest-xdist has seen; one that has crashed has sent nothing."""
    if not _is_watched(node.config):
        return
    from lifescope._under_test.reports import WATCH

    sent: dict[str, Any] | None = getattr(node, "workeroutput", None)
    node.config.stash[WATCH].received += (sent or {}).get("lifescope_usages", [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the report of unused providers."""
    if not config.getoption("lifescope_unused"):
        return
    from lifescope._under_test.reports import WATCH, unused_report

    terminalreporter.section("providers that no test has used")
    for line in unused_report(config.stash[WATCH].data()) or ["no container was under test"]:
        terminalreporter.line(line)
