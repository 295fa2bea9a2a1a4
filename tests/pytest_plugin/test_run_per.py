"""How often the app is started: once for each test, class, module, package or session."""

import pytest

from pytest_plugin.projects import HAS_PYTEST_ASYNCIO, Flavour, Project

TESTS = """
    class TestOne:
        def test_a(self, lifescope_client):
            assert lifescope_client.get("/mail").text == "real"

        def test_b(self, lifescope_client):
            assert lifescope_client.get("/mail").text == "real"

    class TestTwo:
        def test_c(self, lifescope_client):
            assert lifescope_client.get("/mail").text == "real"
"""
STARTS = {"function": 6, "class": 4, "module": 2, "package": 1, "session": 1}


def starts(project: Project) -> int:
    """How often the app was started; it has been stopped as often."""
    app = [line for line in project.log if line in ("start engine", "end engine")]
    assert app == ["start engine", "end engine"] * (len(app) // 2)
    return len(app) // 2


@pytest.mark.parametrize("scope", list(STARTS))
def test_sync(project: Project, scope: str) -> None:
    """`lifescope_run_per` says how long one app lives; two of them never run at once."""
    project.ini("lifescope_app = kiosk:app", f"lifescope_run_per = {scope}")
    project.files(test_one=TESTS, test_two=TESTS)
    project.run().assert_outcomes(passed=6)
    assert starts(project) == STARTS[scope]


@pytest.mark.parametrize("scope", list(STARTS))
def test_async(project: Project, flavour: Flavour, scope: str) -> None:
    """The same for async tests, where the event loop lives as long: fixtures of any task (G5)."""
    loops = [f"asyncio_default_test_loop_scope = {scope}"] if HAS_PYTEST_ASYNCIO else []
    project.ini("lifescope_app = kiosk:app", f"lifescope_run_per = {scope}", *loops)
    tests = TESTS.replace(" def ", " async def ").replace("lifescope_client", "client")
    tests = tests.replace('client.get("/mail")', '(await client.get("/mail"))')
    head = f"""
    import pytest

    pytestmark = {flavour.mark}

    @pytest.fixture
    def client(lifescope_async_client):
        return lifescope_async_client
    """
    project.files(test_one=head + tests, test_two=head + tests)
    project.run(*flavour.options).assert_outcomes(passed=6)
    assert starts(project) == STARTS[scope]


def test_an_unknown_scope(project: Project) -> None:
    """A scope that pytest has not is refused before anything runs."""
    project.ini("lifescope_app = kiosk:app", "lifescope_run_per = request")
    project.files(test_one=TESTS)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(['*lifescope_run_per = "request"*function, class, module*'])


@pytest.mark.parametrize("plugin", ["anyio", *(["asyncio"] if HAS_PYTEST_ASYNCIO else [])])
def test_an_event_loop_that_ends_before_the_app(project: Project, plugin: str) -> None:
    """Where the event loop is narrower than the app, the error says what to set."""
    project.ini("lifescope_app = kiosk:app", "lifescope_run_per = session")
    project.files(
        test_it=f"""
        import pytest

        @pytest.mark.{plugin}
        async def test_it(lifescope_async_client):
            "It cannot be."
        """
    )
    result = project.run()
    fixes = {
        "anyio": '*"anyio_backend" has a narrower scope*override it with one of scope "session"*',
        "asyncio": '*asyncio_default_test_loop_scope = "session"*loop_scope="session"*',
    }
    result.stdout.fnmatch_lines([fixes[plugin]])
    result.stdout.no_fnmatch_line("*ScopeMismatch*")
    assert project.log == []


def test_sync_and_async_tests_in_turns(project: Project, flavour: Flavour) -> None:
    """Each of the two kinds has an app of its own, however they alternate."""
    loops = ["asyncio_default_test_loop_scope = session"] if HAS_PYTEST_ASYNCIO else []
    project.ini("lifescope_app = kiosk:app", "lifescope_run_per = session", *loops)
    mark = "pytest.mark.anyio" if flavour.mark.endswith("anyio") else flavour.mark
    project.files(
        test_it=f"""
        import pytest

        mark = {mark if mark != "[]" else "lambda test: test"}

        def test_a(lifescope_client):
            assert lifescope_client.get("/mail").text == "real"

        @mark
        async def test_b(lifescope_async_client):
            assert (await lifescope_async_client.get("/mail")).text == "real"

        def test_c(lifescope_client):
            assert lifescope_client.get("/mail").text == "real"

        @mark
        async def test_d(lifescope_async_client):
            assert (await lifescope_async_client.get("/mail")).text == "real"
        """
    )
    result = project.run("-v", *flavour.options)
    result.assert_outcomes(passed=4)
    assert project.log.count("start engine") == project.log.count("end engine") == 2
    result.stdout.fnmatch_lines(["*test_a*", "*test_b*", "*test_c*", "*test_d*"])


# --- other definitions ----------------------------------------------------------------------


def test_a_module_with_an_app_of_its_own(project: Project) -> None:
    """A module that overrides `lifescope_app` never gets the app that runs for the session."""
    project.ini("lifescope_app = kiosk:app", "lifescope_run_per = session")
    project.files(
        test_a="""
        def test_a(lifescope_client):
            assert lifescope_client.get("/mail").text == "real"
        """,
        test_b="""
        import pytest
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route
        from lifescope import Container

        async def mail(request):
            return PlainTextResponse("another")

        @pytest.fixture(scope="session")
        def lifescope_app():
            return Container().asgi(Starlette(routes=[Route("/mail", mail)]))

        def test_b(lifescope_client):
            assert lifescope_client.get("/mail").text == "another"
        """,
        test_c="""
        def test_c(lifescope_client):
            assert lifescope_client.get("/mail").text == "real"
        """,
    )
    result = project.run("-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["test_b.py::test_b PASSED*"])  # no parameter that shows
    assert starts(project) == 2


@pytest.mark.parametrize("scope", list(STARTS))
def test_replacements_of_a_module(project: Project, scope: str) -> None:
    """`lifescope_replacements` hold before the app starts, where they are defined and only there.

    What is replaced is never made (I07), whichever module comes first.
    """
    project.ini("lifescope_app = kiosk:app", f"lifescope_run_per = {scope}")
    real = """
    def test_real(lifescope_client):
        assert lifescope_client.get("/mail").text == "real"
    """
    project.files(
        test_a=real,
        test_b="""
        import pytest
        import kiosk

        @pytest.fixture(scope="session")
        def lifescope_replacements():
            return {kiosk.Mailer: kiosk.FakeMailer()}

        def test_fake(lifescope_client):
            assert lifescope_client.get("/mail").text == "fake"
        """,
        test_c=real,
    )
    project.run("test_b.py").assert_outcomes(passed=1)
    assert "real mailer" not in project.log
    project.run().assert_outcomes(passed=3)
    assert project.log.count("start engine") == 4


def test_a_narrow_replacement_says_so(project: Project) -> None:
    """Replacements that live shorter than the app are pytest's ScopeMismatch."""
    project.ini("lifescope_app = kiosk:app", "lifescope_run_per = session")
    project.files(
        test_a="""
        import pytest

        @pytest.fixture
        def lifescope_replacements():
            return {}

        def test_it(lifescope_client):
            "It cannot be."
        """
    )
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ScopeMismatch*lifescope_replacements*session*"])
