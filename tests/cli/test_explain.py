"""`lifescope explain`: all about one key (K10), or about one kind of error (K01)."""

import pytest

from cli.conftest import Run, Write
from lifescope import cli, errors

APP = """
from typing import Generic, TypeVar

T = TypeVar("T")

class Repo(Generic[T]):
    def __init__(self, b: B) -> None: ...

class Outer:
    class Inner: pass

class Rule: pass

@provider(scope="app", name="replica")
def replica() -> A: ...

@provider(scope="app", thread=True, start_timeout=2.5, eager=True)
def inner() -> Outer.Inner: ...

@provider(scope="app", provides=Rule, many=True)
def short() -> Rule: ...

@provider(scope="request", decorate=True)
def louder(c: C, a: A) -> C: ...

@provider(scope="request", decorate=True)
def loudest(c: C) -> C: ...

@provider(scope="request", provides=(C, list[int]))
def make_c(b: B) -> C: ...

@inject
async def many(request: Request, repo: Inject[Repo[A]], rules: Inject[list[Rule]],
               c: Inject[C]) -> Response: ...

def create_app() -> Starlette:
    return Starlette(routes=[Route("/", show), Route("/many", many, methods=["POST"])])

container = Container(make_a, make_b, replica, inner, short, louder, loudest, make_c,
                      provider(Repo, scope="call"))
app = container.asgi(create_app)
"""


def explain(run: Run, name: str, key: str) -> str:
    done = run("explain", f"{name}:app", key)
    assert done.code == 0, done.err
    assert done.err == ""
    return done.out


def section(text: str, title: str) -> list[list[str]]:
    """The lines below a heading, as words."""
    [block] = [b for b in text.split("\n\n") if b.startswith(title)]
    return [line.split() for line in block.splitlines()[1:]]


SPELLINGS = {
    "A": "make_a()",
    "{}.A": "make_a()",
    "make_a": "make_a()",
    "make_a()": "make_a()",
    "{}.make_a": "make_a()",
    "A:replica": "replica()",
    "{}.A:replica": "replica()",
    'Annotated[A, Named("replica")]': "replica()",
    "typing.Annotated[A,lifescope.Named('replica')]": "replica()",
    'A (named "replica")': "replica()",
    "replica": "replica()",
    "Outer.Inner": "inner()",
    "Inner": "inner()",
    "list[Rule]": "the list of all contributions",
    "list[{}.Rule]": "the list of all contributions",
    " list [ Rule ] ": "the list of all contributions",
    "short": "short()",
    "list[int]": "make_c()",
    "Repo[A]": "Repo",
    "{0}.Repo[{0}.A]": "Repo",
    "Repo[T]": "Repo",
    "Repo": "Repo",
    "louder": "louder()",
}


@pytest.mark.parametrize("key", SPELLINGS)
def test_key_as_people_write_it(run: Run, program: Write, key: str) -> None:
    """With modules or without, with a name in three forms, or the name of the function."""
    name = program(APP)
    out = explain(run, name, key.format(name))
    [line] = [line for line in out.splitlines() if line.startswith("  provider  ")]
    assert line.split("  ")[2] == SPELLINGS[key]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("Nothing", 'nothing provides "Nothing"'),
        ("mak_a", 'nothing provides "mak_a"; there is {0}.A'),
        ("replika", "{0}.A:replica"),
        ("A:other", '"A:other" is provided as {0}.A, {0}.A:replica'),
        ("Rule", 'nothing provides "Rule"; there is list[{0}.Rule]'),
        ("[", 'nothing provides "["'),
        ("many()", '"many()" asks for things and provides none: lifescope plan says'),
    ],
)
def test_near_misses(run: Run, program: Write, key: str, text: str) -> None:
    """K04: What is spelled alike, in one line, and the exit code of a wrong command line."""
    name = program(APP)
    done = run("explain", f"{name}:app", key)
    assert done.code == cli.WRONG_USE
    [line] = done.err.splitlines()
    assert text.format(name) in line


def test_ambiguous_key(run: Run, program: Write) -> None:
    """K02: Two classes are called the same: the modules tell them apart."""
    other = program("class Same: pass\n\n@provider(scope='app')\ndef same() -> Same: ...")
    name = program(f"""
    import {other}

    class Same: pass

    @provider(scope="app")
    def same() -> Same: ...

    app = Container(same, {other}.same)
    """)
    for text in ("Same", "same"):
        done = run("explain", f"{name}:app", text)
        assert done.code == cli.WRONG_USE
        assert f'"{text}" may be {name}.Same, {other}.Same' in done.err
    assert "provider  same()" in explain(run, name, f"{other}.Same")
    assert "provider  same()" in explain(run, name, f"{other}.same")


def test_facts(run: Run, program: Write) -> None:
    """K10: Who provides it, where, in which scope, how it is driven, and when."""
    name = program(APP)
    text = explain(run, name, "Inner")
    assert f"provider  inner()  {name}.py:" in text
    assert "scope     app" in text
    assert "how       called, in worker threads" in text
    assert "made      when the app starts (eager=True)" in text
    assert "limits    start_timeout=2.5" in text
    assert "Needed by:\n  nothing that is known" in text
    text = explain(run, name, "B")
    assert "how       async generator, in the task that opens the scope" in text
    assert 'released  when the scope "request" ends' in text
    assert "made      when the app starts, as it is asked for" in explain(run, name, "A")
    assert "made      when it is first asked for" in explain(run, name, "A:replica")
    assert "also as   list[int]" in explain(run, name, "C")


def test_needs(run: Run, program: Write) -> None:
    """K10: The tree of what it needs."""
    text = explain(run, program(APP), "B")
    assert [words[:3] for words in section(text, "Needs:")] == [
        ["B", "request", "make_b()"],
        ["└─", "a:", "A"],
    ]


def test_decorators(run: Run, program: Write) -> None:
    """K10: Those around the provider; what they need comes too."""
    text = explain(run, program(APP), "C")
    assert [words[1] for words in section(text, "Wrapped by")] == ["louder()", "loudest()"]
    made = [(words[2], words[3]) for words in section(text, "Acquired")]
    assert made == [
        ("A", "make_a()"),
        ("B", "make_b()"),
        ("C", "make_c()"),
        ("C", "louder()"),
        ("C", "loudest()"),
    ]
    assert section(text, "Needed by:") == [["POST", "/many", "many(c)"]]


def test_order(run: Run, program: Write) -> None:
    """K10, G2: What is acquired before it, and the reverse of that, the narrowest scope first."""
    text = explain(run, program(APP), "Repo[A]")
    assert [words[1:] for words in section(text, "Acquired")] == [
        ["app", "A", "make_a()"],
        ["request", "B", "make_b()"],
        ["call", "Repo[A]", "Repo"],
    ]
    assert [words[1:] for words in section(text, "Released")] == [["request", "B", "make_b()"]]


def test_ways(run: Run, program: Write) -> None:
    """K10: Who needs it, from the route on, the shortest way first; a handful of many."""
    name = program(APP)
    assert section(explain(run, name, "A"), "Needed by:") == [
        ["GET", "/", "show(b)", ">", "make_b(a)"],
        ["POST", "/many", "many(repo)", ">", "Repo(b)", ">", "make_b(a)"],
    ]
    routes = "".join(f'Route("/{n}", show), ' for n in range(9))
    many = program(f"app = Container(make_a, make_b).asgi(Starlette(routes=[{routes}]))")
    lines = section(explain(run, many, "B"), "Needed by:")
    assert len(lines) == 7
    assert lines[-1] == ["and", "3", "more"]


def test_container(run: Run, program: Write) -> None:
    """Without an app, the ways begin with what nobody needs."""
    done = run("explain", f"{program(APP)}:container", "B")
    assert section(done.out, "Needed by:") == [
        ["Repo(b)"],
        ["loudest(c)", ">", "louder(c)", ">", "make_c(b)"],
    ]


def test_override(run: Run, program: Write) -> None:
    """K10: An override in force is shown, with what it needs, and named as one."""
    name = program(
        APP
        + "\n@provider(scope='app')\ndef fake(replica: Annotated[A, Named('replica')]) -> A: ..."
        + "\n\ncontainer.override(A, fake).__enter__()\n"
    )
    text = explain(run, name, "A")
    assert f"provider  fake()  {name}.py" in text
    assert "override  in force" in text
    assert "override" not in explain(run, name, "B").split("Needs:")[0]


def test_broken_container(run: Run, program: Write) -> None:
    """The report, and the exit code of a problem."""
    done = run("explain", f"{program('app = Container(make_b)')}:app", "B")
    assert done.code == cli.PROBLEMS
    assert "[LS101]" in done.err
    assert done.out == ""


# --- errors ---------------------------------------------------------------------------------


CODES = sorted(
    {
        getattr(errors, name).code
        for name in errors.__all__
        if hasattr(getattr(errors, name), "code")
    }
    - {""}
)


@pytest.mark.parametrize("code", CODES)
def test_error_is_explained(run: Run, code: str) -> None:
    """K01: Each code has a page; until it is written, what its class says."""
    done = run("explain", code)
    assert done.code == 0
    assert done.out.startswith("# ")
    assert run("explain", code.lower()) == done


def test_class_speaks_where_there_is_no_page(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The docstring is better than nothing."""

    def page(code: str) -> str:
        raise LookupError(code)

    monkeypatch.setattr(errors, "page", page)
    done = run("explain", "LS101")
    assert done.out.startswith("# LS101: MissingProviderError\n\nRaised when nothing provides")


@pytest.mark.parametrize("code", ["LS999", "LS1011", "shop", "shop:app"])
def test_no_such_error(run: Run, code: str) -> None:
    """One line says so, or that a key is missing."""
    done = run("explain", code)
    assert done.code == cli.WRONG_USE
    [line] = done.err.splitlines()
    assert code in line
