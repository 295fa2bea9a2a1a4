"""What goes wrong while a fixture is set up or torn down reads like the user's own error."""

import pytest

from pytest_plugin.projects import Flavour, Project

BROKEN = """
    import pytest
    import kiosk
    from collections.abc import AsyncIterator
    from lifescope import Container, provider
    from lifescope.pytest_plugin import lifescope_fixture

    class Pool:
        pass

    class Repository:
        def __init__(self, pool: Pool):
            self.pool = pool

    @provider(scope="{scope}")
    async def pool() -> AsyncIterator[Pool]:
        raise OSError("no route to host")
        yield Pool()

    container = Container(pool, provider(Repository, scope="{scope}", eager={eager}))
    repository = lifescope_fixture(Repository)

    @pytest.fixture
    def lifescope_app():
        return container
"""
TEST = """
    pytestmark = {mark}

    async def test_it(repository):
        "It cannot be."
"""


@pytest.mark.parametrize("scope", ["app", "request"])
def test_a_provider_that_fails(project: Project, flavour: Flavour, scope: str) -> None:
    """The error is the user's, with the chain as a note (K05), and none of our frames."""
    text = BROKEN.format(scope=scope, eager=None) + TEST.format(mark=flavour.mark)
    project.files(test_it=text)
    result = project.run(*flavour.options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_it*",
            '>       raise OSError("no route to host")',
            "E       OSError: no route to host",
            "E*Repository*",
            "E*pool*",
            "test_it.py:*: OSError",
        ]
    )
    result.stdout.no_fnmatch_line("*/lifescope/*")


def test_a_start_that_fails(project: Project, flavour: Flavour) -> None:
    """The same for what starts with the app."""
    text = BROKEN.format(scope="app", eager=True) + TEST.format(mark=flavour.mark)
    project.files(test_it=text)
    result = project.run(*flavour.options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['>       raise OSError("no route to host")', "test_it.py:*"])
    result.stdout.no_fnmatch_line("*/lifescope/*")


def test_without_async(project: Project) -> None:
    """The same for tests that are not async, where the app runs in another thread."""
    text = BROKEN.format(scope="request", eager=None)
    project.files(test_it=text + TEST.format(mark="[]").replace("async def", "def"))
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['>       raise OSError("no route to host")', "test_it.py:*"])
    result.stdout.no_fnmatch_line("*/lifescope/*")


def test_a_missing_key(project: Project) -> None:
    """An error of lifescope's is short, too: it has its own words, and no frames of ours."""
    project.files(
        test_it="""
        from lifescope.pytest_plugin import lifescope_fixture

        number = lifescope_fixture(int)

        def test_it(number):
            "It cannot be."
        """
    )
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E*MissingProviderError*int*"])
    result.stdout.no_fnmatch_line("*/lifescope/*")


def test_a_crash(project: Project, flavour: Flavour) -> None:
    """An app that crashes is an error where it ends; the event loop goes on for other tests."""
    project.files(
        test_it=f"""
        import anyio
        import pytest
        import kiosk
        from collections.abc import AsyncIterator
        from lifescope import Container, provider

        pytestmark = {flavour.mark}

        class Consumer:
            def __init__(self):
                self.stop = anyio.Event()
                self.stopped = anyio.Event()

        async def consume(consumer):
            await consumer.stop.wait()
            raise OSError("connection lost")

        @provider(scope="app", eager=True)
        async def consumer() -> AsyncIterator[Consumer]:
            consumer = Consumer()
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(consume, consumer)
                    yield consumer
                    group.cancel_scope.cancel()
            finally:
                consumer.stopped.set()

        async def app(scope, receive, send):
            raise NotImplementedError

        @pytest.fixture
        def lifescope_app():
            return Container(consumer).asgi(lambda: app)

        async def test_crash(lifescope_scope):
            consumer = await lifescope_scope.get(Consumer)
            consumer.stop.set()
            with anyio.fail_after(5):
                await consumer.stopped.wait()

        async def test_next(lifescope_scope):
            assert not (await lifescope_scope.get(Consumer)).stop.is_set()
        """
    )
    result = project.run(*flavour.options, "-p", "no:logging")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_crash*", "*OSError: connection lost*"])


def test_getfixturevalue_in_an_async_test(project: Project, flavour: Flavour) -> None:
    """A fixture that is asked for while the event loop runs says why it cannot be had."""
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from lifescope.pytest_plugin import lifescope_fixture

        pytestmark = {flavour.mark}
        session = lifescope_fixture(kiosk.Session)

        async def test_it(request, lifescope_scope):
            with pytest.raises(RuntimeError, match="have to be parameters"):
                request.getfixturevalue("session")
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=1)
