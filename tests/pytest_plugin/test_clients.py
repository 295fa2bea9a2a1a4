"""A client for the app under test, which runs, in every way in which tests are run."""

import pytest

from pytest_plugin.projects import Flavour, Project

SYNC = """
    def test_mail(lifescope_client):
        assert lifescope_client.get("/mail").text == "real"
"""


def test_sync(project: Project) -> None:
    """`lifescope_client` is Starlette's TestClient, and needs no plugin for async tests."""
    project.files(
        test_it="""
        from starlette.testclient import TestClient

        def test_mail(lifescope_client):
            assert type(lifescope_client) is TestClient
            assert lifescope_client.get("/mail").text == "real"

        def test_socket(lifescope_client):
            with lifescope_client.websocket_connect("/echo") as socket:
                socket.send_text("ping")
                assert socket.receive_text() == "ping"
        """
    )
    project.plugins()
    project.ini("lifescope_app = kiosk:app")
    project.run().assert_outcomes(passed=2)
    assert project.log.count("start engine") == project.log.count("end engine") == 2


def test_async(project: Project, flavour: Flavour) -> None:
    """`lifescope_async_client` is httpx's, and the app runs in the event loop of the test."""
    project.files(
        test_it=f"""
        import pytest
        import httpx

        pytestmark = {flavour.mark}

        async def test_mail(lifescope_async_client):
            assert isinstance(lifescope_async_client, httpx.AsyncClient)
            assert (await lifescope_async_client.get("/mail")).text == "real"
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=1)
    assert project.log == ["start engine", "real mailer", "begin", "commit", "end engine"]


def test_start_up_context(project: Project, flavour: Flavour) -> None:
    """What start-up sets in context variables is seen in requests (G6)."""
    project.files(
        test_it=f"""
        import pytest

        pytestmark = {flavour.mark}

        async def test_async(lifescope_async_client):
            assert (await lifescope_async_client.get("/hello")).text == "hello"
        """,
        test_sync="""
        def test_sync(lifescope_client):
            assert lifescope_client.get("/hello").text == "hello"
        """,
    )
    project.run(*flavour.options).assert_outcomes(passed=2)


def test_a_client_of_your_own(project: Project, flavour: Flavour) -> None:
    """`lifescope_running` is an ASGI app that has been started."""
    project.files(
        test_it=f"""
        import httpx
        import pytest

        pytestmark = {flavour.mark}

        async def test_mail(lifescope_running):
            transport = httpx.ASGITransport(lifescope_running)
            async with httpx.AsyncClient(transport=transport, base_url="http://own") as client:
                assert (await client.get("/mail")).text == "real"
        """
    )
    project.run(*flavour.options).assert_outcomes(passed=1)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_sync_tests_take_the_event_loop_of_anyio(project: Project, backend: str) -> None:
    """A test that is not async, and has `anyio_backend`, has its app in that event loop."""
    project.files(
        test_it=f"""
        import pytest
        import sniffio

        @pytest.mark.parametrize("anyio_backend", ["{backend}"])
        def test_it(anyio_backend, lifescope_client):
            async def library():
                return sniffio.current_async_library()

            assert lifescope_client.portal.call(library) == "{backend}"
        """
    )
    project.run().assert_outcomes(passed=1)


# --- which app ------------------------------------------------------------------------------


def test_the_app_as_a_fixture(project: Project) -> None:
    """conftest.py may say which app is under test, instead of the configuration."""
    project.ini()
    project.conftest(
        """
        import pytest
        from kiosk import app

        @pytest.fixture(scope="session")
        def lifescope_app():
            return app
        """
    )
    project.files(test_it=SYNC)
    project.run().assert_outcomes(passed=1)


def test_the_container(project: Project) -> None:
    """`lifescope_container` is the one that the app was made from."""
    project.files(
        test_it="""
        import kiosk

        def test_it(lifescope_container):
            assert lifescope_container is kiosk.container
        """
    )
    project.run().assert_outcomes(passed=1)
    assert project.log == []


def test_a_container_alone(project: Project, flavour: Flavour) -> None:
    """A library without an app has its container under test: scopes and keys, but no client."""
    project.ini("lifescope_app = kiosk:container")
    project.files(
        test_it=f"""
        import pytest
        import kiosk

        pytestmark = {flavour.mark}

        async def test_it(lifescope_scope, lifescope_container):
            assert lifescope_container is kiosk.container
            assert (await lifescope_scope.get(kiosk.Orders)).mailer.send() == "real"

        async def test_client(lifescope_async_client):
            "It cannot be."
        """
    )
    result = project.run(*flavour.options)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*a client needs what container.asgi(...) returns*"])
    assert project.log.count("start engine") == project.log.count("end engine")


def test_no_app_is_named(project: Project) -> None:
    """Who names no app is told of both ways to do it."""
    project.ini()
    project.files(test_it=SYNC)
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*lifescope_app = "module:app"*override the fixture*'])


def test_what_is_no_root(project: Project) -> None:
    """An app that is not what `container.asgi()` returns is refused by its type."""
    project.ini("lifescope_app = kiosk:create_app")
    project.files(test_it=SYNC)
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*what container.asgi(...) returns, or a Container*function*"])


def test_async_tests_without_a_plugin(project: Project) -> None:
    """Async fixtures say that they need a plugin for async tests."""
    project.plugins("anyio.pytest_plugin")
    project.ini("lifescope_app = kiosk:app")
    project.files(
        test_it="""
        def test_it(lifescope_async_client):
            "It cannot be."
        """
    )
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*need a plugin that runs async tests*"])
