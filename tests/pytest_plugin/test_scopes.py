"""The scope that is open around a test, and keys as fixtures."""

from pytest_plugin.projects import HAS_PYTEST_ASYNCIO, Flavour, Project

KEYS = """
    import pytest
    import kiosk
    from lifescope.pytest_plugin import lifescope_fixture

    orders = lifescope_fixture(kiosk.Orders)
    session = lifescope_fixture(kiosk.Session)
    engine = lifescope_fixture(kiosk.Engine)
    work = lifescope_fixture(kiosk.Work)
"""


def test_the_scope(project: Project, flavour: Flavour) -> None:
    """`lifescope_scope` is a request scope, and the current one in the test."""
    project.files(
        test_it=KEYS
        + f"""
    from lifescope import Inject, current_scope, inject

    pytestmark = {flavour.mark}

    @inject
    async def job(session: Inject[kiosk.Session]):
        return session

    async def test_it(lifescope_scope):
        assert lifescope_scope.name == "request"
        session = await lifescope_scope.get(kiosk.Session)
        assert lifescope_scope.get_nowait(kiosk.Session) is session
        assert await current_scope().get(kiosk.Session) is session
        assert await job() is session

        async def taking(session: kiosk.Session, orders: kiosk.Orders):
            return session, orders

        assert (await lifescope_scope.call(taking))[0] is session
        async with lifescope_scope.open() as call:
            assert call.name == "call"
            await call.get(kiosk.Work)

    """
    )
    project.run(*flavour.options).assert_outcomes(passed=1)
    assert project.log == [
        "start engine",
        "real mailer",
        "begin",
        "begin work",
        "end work",
        "commit",
        "end engine",
    ]


def test_the_context(project: Project, flavour: Flavour) -> None:
    """A test with a scope sees what start-up and providers have set in context variables (G6).

    Others, in the same event loop, do not.
    """
    loops = ["asyncio_default_test_loop_scope = session"] if HAS_PYTEST_ASYNCIO else []
    project.ini("lifescope_app = kiosk:app", "lifescope_run_per = session", *loops)
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from lifescope import NoScopeError, current_scope

        pytestmark = {flavour.mark}

        async def test_inside(lifescope_scope):
            assert kiosk.greeting.get() == "hello"
            await lifescope_scope.get(kiosk.Session)
            assert kiosk.greeting.get() == "hello from a session"

        async def test_outside(lifescope_async_client):
            assert kiosk.greeting.get() == "nothing"
            with pytest.raises(NoScopeError):
                current_scope()
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=2)


def test_keys_as_fixtures(project: Project, flavour: Flavour) -> None:
    """What fixtures give belongs together, as in one request, with `lifescope_scope` and alone."""
    project.files(
        test_it=KEYS
        + f"""
    pytestmark = {flavour.mark}

    async def test_it(orders, session, engine, lifescope_scope):
        assert orders.session is session
        assert await lifescope_scope.get(kiosk.Session) is session
        assert await lifescope_scope.get(kiosk.Engine) is engine

    async def test_alone(session):
        assert type(session) is kiosk.Session
    """
    )
    project.run(*flavour.options).assert_outcomes(passed=2)
    assert project.log.count("begin") == project.log.count("commit") == 2


def test_keys_as_fixtures_without_async(project: Project) -> None:
    """A test that is not async gets the objects that the app has which `lifescope_client` asks."""
    project.plugins()
    project.ini("lifescope_app = kiosk:app")
    project.files(
        test_it=KEYS
        + """
    mailer = lifescope_fixture(kiosk.Mailer)

    def test_it(orders, session, mailer, lifescope_client):
        assert orders.session is session
        assert orders.mailer is mailer
        mailer.send = lambda: "the same"
        assert lifescope_client.get("/mail").text == "the same"
    """
    )
    project.run().assert_outcomes(passed=1)
    assert project.log.count("real mailer") == 1


def test_a_key_of_a_narrower_scope(project: Project, flavour: Flavour) -> None:
    """A key of the scope "call" comes from a call inside the test's request."""
    project.files(
        test_it=KEYS
        + f"""
    pytestmark = {flavour.mark}
    again = lifescope_fixture(kiosk.Work)

    async def test_it(work, again, session):
        assert work is again
    """
    )
    project.run(*flavour.options).assert_outcomes(passed=1)
    around = ["start engine", "real mailer"], ["end engine"]
    made = ["begin", "begin work", "end work", "commit"]
    assert project.log == [*around[0], *made, *around[1]]


def test_another_scope(project: Project, flavour: Flavour) -> None:
    """The mark `lifescope_scope` names another scope, for a test, a class or a module."""
    project.files(
        test_it=KEYS
        + f"""
    pytestmark = {flavour.mark}

    @pytest.mark.lifescope_scope("call")
    async def test_call(lifescope_scope):
        assert lifescope_scope.name == "call"
        await lifescope_scope.get(kiosk.Work)

    @pytest.mark.lifescope_scope("app")
    async def test_app(lifescope_scope):
        assert lifescope_scope.name == "app"
    """
    )
    project.run(*flavour.options).assert_outcomes(passed=2)
    assert project.log.count("end work") == 1


def test_values(project: Project, flavour: Flavour) -> None:
    """`lifescope_values` are handed in to the scope of the test."""
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from lifescope import Container, supplied
        from lifescope.pytest_plugin import lifescope_fixture

        pytestmark = {flavour.mark}
        tenant = lifescope_fixture(kiosk.Tenant)

        @pytest.fixture(scope="session")
        def lifescope_app():
            return Container(supplied(kiosk.Tenant, scope="request"))

        @pytest.fixture
        def lifescope_values():
            return {{kiosk.Tenant: kiosk.Tenant("acme")}}

        async def test_it(lifescope_scope, tenant):
            assert await lifescope_scope.get(kiosk.Tenant) == tenant == "acme"
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=1)


def test_wider_fixtures(project: Project, flavour: Flavour) -> None:
    """A key as a fixture of a module is made once, in a request scope for that module."""
    loops = ["asyncio_default_test_loop_scope = session"] if HAS_PYTEST_ASYNCIO else []
    project.ini("lifescope_app = kiosk:app", "lifescope_run_per = session", *loops)
    project.files(
        test_it=KEYS
        + f"""
    pytestmark = {flavour.mark}
    wide = lifescope_fixture(kiosk.Session, scope="module")
    wide_orders = lifescope_fixture(kiosk.Orders, scope="module")
    seen = []

    async def test_a(wide, wide_orders, session):
        seen.append(wide)
        assert wide_orders.session is wide is not session

    async def test_b(wide):
        assert wide is seen[0]
    """
    )
    project.run(*flavour.options).assert_outcomes(passed=2)
    assert project.log.count("begin") == project.log.count("commit") == 2


def test_async_fixtures_of_your_own(project: Project, flavour: Flavour) -> None:
    """Async fixtures take ours, and use them when they are set up and when they are torn down."""
    project.files(
        test_it=KEYS
        + f"""
    if "{flavour.fixture}" != "pytest.fixture":
        import pytest_asyncio

    pytestmark = {flavour.mark}

    @{flavour.fixture}
    async def seeded(lifescope_async_client, lifescope_scope):
        assert (await lifescope_async_client.get("/mail")).text == "real"
        yield await lifescope_scope.get(kiosk.Session)
        assert await lifescope_scope.get(kiosk.Session)
        assert (await lifescope_async_client.get("/mail")).text == "real"

    async def test_it(seeded, session):
        assert seeded is session
    """
    )
    project.run(*flavour.options).assert_outcomes(passed=1)


# --- how it ends ----------------------------------------------------------------------------


def test_a_failed_test_is_told(project: Project, flavour: Flavour) -> None:
    """Providers of a test's scope see what the test has raised: they roll back (G4)."""
    project.files(
        test_it=KEYS
        + f"""
    pytestmark = {flavour.mark}

    async def test_failing(session):
        raise LookupError("no such order")

    async def test_skipped(session):
        pytest.skip("not today")

    async def test_passing(session):
        pass
    """
    )
    project.run(*flavour.options).assert_outcomes(failed=1, skipped=1, passed=1)
    ends = [line for line in project.log if line.startswith(("commit", "roll"))]
    assert ends == ["roll back LookupError", "commit", "commit"]


def test_a_release_that_fails(project: Project, flavour: Flavour) -> None:
    """It is an error of the test that it was made for, also where the test itself has failed."""
    project.files(
        test_it=f"""
        import pytest
        from collections.abc import AsyncIterator
        from lifescope import Container, provider
        from lifescope.pytest_plugin import lifescope_fixture

        class Lease:
            pass

        @provider(scope="request")
        async def lease() -> AsyncIterator[Lease]:
            try:
                yield Lease()
            finally:
                raise OSError("cannot give it back")

        pytestmark = {flavour.mark}
        lease_of_test = lifescope_fixture(Lease)

        @pytest.fixture(scope="session")
        def lifescope_app():
            return Container(lease)

        async def test_passing(lease_of_test):
            pass

        async def test_failing(lease_of_test):
            raise LookupError("no such order")
        """
    )
    result = project.run(*flavour.options)
    result.assert_outcomes(passed=1, failed=1, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_passing*",
            "*OSError: cannot give it back",
            "*ERROR at teardown of test_failing*",
            "*cannot give it back*",
        ]
    )
