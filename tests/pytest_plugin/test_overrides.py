"""Overrides for one test, of an app that may run for many (G13)."""

import pytest

from pytest_plugin.projects import HAS_PYTEST_ASYNCIO, Flavour, Project

LONG = ["lifescope_app = kiosk:app", "lifescope_run_per = session"]
if HAS_PYTEST_ASYNCIO:
    LONG.append("asyncio_default_test_loop_scope = session")


def test_sync(project: Project) -> None:
    """An override of a running app ends with its test, and makes nothing but what it affects."""
    project.ini(*LONG)
    project.files(
        test_it="""
        import kiosk

        def test_before(lifescope_client):
            assert lifescope_client.get("/mail").text == "real"

        def test_it(lifescope_client, lifescope_override):
            fake = kiosk.FakeMailer()
            assert lifescope_override(kiosk.Mailer, fake) is fake
            assert lifescope_client.get("/mail").text == "fake"

        def test_after(lifescope_client):
            assert lifescope_client.get("/mail").text == "real"
        """
    )
    project.run().assert_outcomes(passed=3)
    assert project.log.count("start engine") == project.log.count("real mailer") == 1


def test_async(project: Project, flavour: Flavour) -> None:
    """The same for async tests; the scope of the test has it, too, if it was not in use."""
    project.ini(*LONG)
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from lifescope import current_scope

        pytestmark = {flavour.mark}

        async def test_it(lifescope_override, lifescope_async_client, lifescope_scope):
            lifescope_override(kiosk.Mailer, kiosk.FakeMailer())
            assert (await lifescope_async_client.get("/mail")).text == "fake"
            assert (await lifescope_scope.get(kiosk.Orders)).mailer.send() == "fake"
            assert (await current_scope().get(kiosk.Orders)).mailer.send() == "fake"

        async def test_after(lifescope_async_client, lifescope_scope):
            assert (await lifescope_async_client.get("/mail")).text == "real"
            assert (await lifescope_scope.get(kiosk.Orders)).mailer.send() == "real"
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=2)
    assert project.log.count("start engine") == 1


@pytest.mark.parametrize("order", ["fake, session", "session, fake"])
def test_in_a_fixture(project: Project, flavour: Flavour, order: str) -> None:
    """A fixture may override, before and after the scope of the test has been opened."""
    project.ini(*LONG)
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from lifescope import current_scope
        from lifescope.pytest_plugin import lifescope_fixture

        pytestmark = {flavour.mark}

        @pytest.fixture
        def fake(lifescope_override):
            return lifescope_override(kiosk.Mailer, kiosk.FakeMailer())

        @pytest.fixture
        def session(lifescope_scope):
            return lifescope_scope

        orders = lifescope_fixture(kiosk.Orders)

        async def test_it({order}, orders, lifescope_async_client):
            assert orders.mailer is fake
            assert (await current_scope().get(kiosk.Orders)) is orders
            assert (await lifescope_async_client.get("/mail")).text == "fake"

        async def test_after(orders):
            assert orders.mailer.send() == "real"
        """.replace("orders.mailer is fake", "orders.mailer.send() == 'fake'")
    )
    project.run(*flavour.options).assert_outcomes(passed=2)


def test_what_is_made_for_an_override_ends_with_it(project: Project, flavour: Flavour) -> None:
    """Everything made for it is released when the test has ended, after the test's own scope."""
    project.ini(*LONG)
    project.files(
        test_it=f"""
        import anyio
        import pytest
        import kiosk
        from collections.abc import AsyncIterator
        from lifescope import provider
        from lifescope.pytest_plugin import lifescope_fixture

        pytestmark = {flavour.mark}
        orders = lifescope_fixture(kiosk.Orders)

        @provider(scope="app")
        async def fake_mailer() -> AsyncIterator[kiosk.Mailer]:
            async with anyio.create_task_group():
                kiosk.note("start fake")
                yield kiosk.FakeMailer()
                await anyio.lowlevel.checkpoint()
                kiosk.note("end fake")

        @pytest.fixture(autouse=True)
        def fake(lifescope_override):
            return lifescope_override(kiosk.Mailer, fake_mailer)

        async def test_a(orders):
            assert orders.mailer.send() == "fake"

        async def test_b(lifescope_async_client):
            kiosk.note("second test")
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=2)
    assert project.log == [
        "start engine",
        "real mailer",
        "begin",
        "start fake",
        "commit",
        "end fake",
        "second test",
        "end engine",
    ]


def test_the_scope_of_the_test_ends_before_the_override(project: Project, flavour: Flavour) -> None:
    """What is released with the test's scope can still use what was made for the override (G2).

    This is so whichever of the two fixtures comes first.
    """
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from collections.abc import AsyncIterator
        from lifescope import provider

        pytestmark = {flavour.mark}

        @provider(scope="app")
        async def fake_mailer() -> AsyncIterator[kiosk.Mailer]:
            yield kiosk.FakeMailer()
            kiosk.note("end fake")

        async def test_a(lifescope_override, lifescope_scope):
            lifescope_override(kiosk.Mailer, fake_mailer)
            await lifescope_scope.get(kiosk.Orders)

        async def test_b(lifescope_scope, lifescope_override):
            lifescope_override(kiosk.Mailer, fake_mailer)
            await lifescope_scope.get(kiosk.Orders)
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=2)
    ends = [line for line in project.log if line.startswith(("commit", "end"))]
    assert ends == ["commit", "end fake", "end engine"] * 2


def test_a_release_of_an_override_that_fails(project: Project, flavour: Flavour) -> None:
    """It is an error of the test that has overridden."""
    project.ini(*LONG)
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from collections.abc import AsyncIterator
        from lifescope import provider

        pytestmark = {flavour.mark}

        @provider(scope="app")
        async def fake_mailer() -> AsyncIterator[kiosk.Mailer]:
            yield kiosk.FakeMailer()
            raise OSError("cannot end")

        async def test_a(lifescope_override, lifescope_async_client):
            lifescope_override(kiosk.Mailer, fake_mailer)
            assert (await lifescope_async_client.get("/mail")).text == "fake"

        async def test_b(lifescope_async_client):
            assert (await lifescope_async_client.get("/mail")).text == "real"
        """
    )
    result = project.run(*flavour.options)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_a*", "*OSError: cannot end"])


def test_several(project: Project) -> None:
    """A mapping replaces several keys; of two overrides of one key, the later one wins."""
    project.files(
        test_it="""
        import kiosk
        from lifescope.pytest_plugin import LifescopeOverride

        class Silent(kiosk.Mailer):
            def send(self):
                return "silent"

        def test_it(lifescope_client, lifescope_override: LifescopeOverride):
            lifescope_override({kiosk.Mailer: kiosk.FakeMailer(), kiosk.Session: kiosk.Session()})
            assert lifescope_client.get("/mail").text == "fake"
            lifescope_override(kiosk.Mailer, Silent())
            assert lifescope_client.get("/mail").text == "silent"
        """
    )
    project.run().assert_outcomes(passed=1)
    assert "begin" not in project.log


def test_before_the_start(project: Project) -> None:
    """Where it begins before the app starts, the original is never made (I07)."""
    project.files(
        test_it="""
        import pytest
        import kiosk

        @pytest.fixture
        def fake(lifescope_override):
            return lifescope_override(kiosk.Mailer, kiosk.FakeMailer())

        def test_it(fake, lifescope_client):
            assert lifescope_client.get("/mail").text == "fake"
        """
    )
    project.run().assert_outcomes(passed=1)
    assert "real mailer" not in project.log


def test_an_unknown_key(project: Project) -> None:
    """It is refused (I05), and the next test is none the worse."""
    project.ini(*LONG)
    project.files(
        test_it="""
        import kiosk

        def test_a(lifescope_client, lifescope_override):
            lifescope_override(kiosk.FakeMailer, kiosk.FakeMailer())

        def test_b(lifescope_client):
            assert lifescope_client.get("/mail").text == "real"
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*UnknownOverrideError: *nothing provides FakeMailer*",
            "test_it.py:4: UnknownOverrideError",
        ]
    )


def test_keys_as_fixtures_before_anything_runs(project: Project, flavour: Flavour) -> None:
    """An app that runs for the session never begins under an override of its first test.

    Neither of ours nor of one that a fixture has entered by hand: it would keep the replacement.
    """
    project.ini(*LONG)
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from lifescope.pytest_plugin import lifescope_fixture

        pytestmark = {flavour.mark}
        orders = lifescope_fixture(kiosk.Orders)
        session = lifescope_fixture(kiosk.Session)

        @pytest.fixture(autouse=True, scope="class")
        def by_hand(lifescope_container):
            with lifescope_container.override(kiosk.Session, kiosk.Session()):
                yield

        @pytest.fixture
        def fake(lifescope_override):
            return lifescope_override(kiosk.Mailer, kiosk.FakeMailer())

        class TestFirst:
            async def test_a(self, fake, orders):
                assert orders.mailer is fake

            async def test_b(self, orders):
                assert orders.mailer.send() == "real"
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=2)
    assert project.log == ["start engine", "real mailer", "end engine"]


# --- too late -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        "await lifescope_scope.get(kiosk.Orders)",
        "lifescope_scope.open()",
        "await lifescope_scope.call(lambda: None)",
        "orders",
        "wide",
    ],
)
def test_an_override_that_comes_too_late(project: Project, use: str) -> None:
    """What the test has been given already is never silently stale (I02): the override fails."""
    project.ini(*LONG)
    project.conftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def anyio_backend():
            return "asyncio"
        """
    )
    fixture = f", {use}" if use in ("orders", "wide") else ""
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from lifescope.pytest_plugin import lifescope_fixture

        orders = lifescope_fixture(kiosk.Orders)
        wide = lifescope_fixture(kiosk.Mailer, scope="session")

        @pytest.mark.anyio
        async def test_it(lifescope_scope, lifescope_async_client, lifescope_override{fixture}):
            {use}
            with pytest.raises(RuntimeError, match="Mailer is overridden too late"):
                lifescope_override(kiosk.Mailer, kiosk.FakeMailer())
            assert (await lifescope_async_client.get("/mail")).text == "real"

        @pytest.mark.anyio
        async def test_after(lifescope_async_client, lifescope_override):
            lifescope_override(kiosk.Mailer, kiosk.FakeMailer())
            assert (await lifescope_async_client.get("/mail")).text == "fake"
        """
    )
    project.run().assert_outcomes(passed=2)


def test_an_override_of_something_else(project: Project, flavour: Flavour) -> None:
    """What does not need the key stays what it is, and what does is refused from then on."""
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from lifescope.pytest_plugin import lifescope_fixture

        pytestmark = {flavour.mark}
        session = lifescope_fixture(kiosk.Session)

        async def test_it(session, lifescope_scope, lifescope_override, lifescope_async_client):
            lifescope_override(kiosk.Mailer, kiosk.FakeMailer())
            assert await lifescope_scope.get(kiosk.Session) is session
            assert (await lifescope_async_client.get("/mail")).text == "fake"
            with pytest.raises(RuntimeError, match="too late.*Orders, which needs it"):
                await lifescope_scope.get(kiosk.Orders)
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=1)


# --- at the same time -----------------------------------------------------------------------


def test_tasks_of_one_test(project: Project, flavour: Flavour) -> None:
    """With `local=True`, things that run at the same time do not see each other's (I01)."""
    project.ini(*LONG)
    project.files(
        test_it=f"""
        import anyio
        import pytest
        import kiosk

        pytestmark = {flavour.mark}

        class Numbered(kiosk.Mailer):
            def __init__(self, number):
                self.number = number

            def send(self):
                return str(self.number)

        async def test_it(lifescope_async_client, lifescope_override):
            answers = []
            here = [anyio.Event() for _ in range(5)]

            async def body(number):
                lifescope_override(kiosk.Mailer, Numbered(number), local=True)
                here[number].set()
                for each in here:
                    await each.wait()
                answers.append((number, (await lifescope_async_client.get("/mail")).text))

            with anyio.fail_after(10):
                async with anyio.create_task_group() as group:
                    for number in range(5):
                        group.start_soon(body, number)
            assert sorted(answers) == [(number, str(number)) for number in range(5)]
            assert (await lifescope_async_client.get("/mail")).text == "real"

        async def test_local(lifescope_async_client, lifescope_override, lifescope_scope):
            lifescope_override(kiosk.Mailer, kiosk.FakeMailer(), local=True)
            assert (await lifescope_async_client.get("/mail")).text == "fake"
            assert (await lifescope_scope.get(kiosk.Orders)).mailer.send() == "fake"

        async def test_after(lifescope_async_client, lifescope_container):
            assert (await lifescope_async_client.get("/mail")).text == "real"
            async with lifescope_container.open() as scope:
                assert (await scope.get(kiosk.Mailer)).send() == "real"
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=3)


def test_threads_of_one_test(project: Project) -> None:
    """The same where the body of a test runs in several threads at once (I08)."""
    project.ini(*LONG)
    project.files(
        test_it="""
        import threading
        from concurrent.futures import ThreadPoolExecutor

        import kiosk

        class Numbered(kiosk.Mailer):
            def __init__(self, number):
                self.number = number

            def send(self):
                return str(self.number)

        def test_it(lifescope_client, lifescope_override):
            together = threading.Barrier(4, timeout=10)

            def body(number):
                lifescope_override(kiosk.Mailer, Numbered(number), local=True)
                together.wait()
                answer = lifescope_client.get("/mail").text
                together.wait()
                return answer

            with ThreadPoolExecutor(4) as threads:
                assert list(threads.map(body, range(4))) == ["0", "1", "2", "3"]
            assert lifescope_client.get("/mail").text == "real"

        def test_after(lifescope_client):
            assert lifescope_client.get("/mail").text == "real"
        """
    )
    project.run().assert_outcomes(passed=2)


def test_local_in_a_fixture_of_an_async_test(project: Project, flavour: Flavour) -> None:
    """It would not be seen by the test, and says so."""
    project.files(
        test_it=f"""
        import pytest
        import kiosk

        pytestmark = {flavour.mark}

        @pytest.fixture
        def fake(lifescope_override):
            lifescope_override(kiosk.Mailer, kiosk.FakeMailer(), local=True)

        async def test_it(fake):
            "It cannot be."
        """
    )
    result = project.run(*flavour.options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*local=True is for calls inside an async test*"])
