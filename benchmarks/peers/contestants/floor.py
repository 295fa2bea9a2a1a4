"""No contestant, but a limit: the fastest code that we know for the same work.

It differs from `hand` only in how it enters resources: generators are driven in place, without
contextlib, with the same meaning. What the body raises is thrown into each generator, the
innermost first, and a generator that yields twice is an error.
"""

from typing import Any, ClassVar

from benchmarks.peers.contestants.hand import Hand
from benchmarks.peers.contestants.source import Body, Writer
from benchmarks.peers.graphs import Node

_SAME = "the same code as by hand"
_END = object()


class InPlaceWriter(Writer):
    """Writes `try` around what is inside of a resource, and one step of the generator after."""

    def write(self, body: Body) -> tuple[str, dict[str, Any]]:
        self._open: list[tuple[str, bool]] = []
        return super().write(body)

    def enter(self, node: Node, name: str, call: str) -> None:
        generator = f"{name}_generator"
        self.names |= {node.make.__name__: node.make, "END": _END, "fail": _fail}
        self.add(f"{generator} = {call}")
        first = (
            f"await {generator}.__anext__()" if node.is_async_generator else f"next({generator})"
        )
        self.add(f"{name} = {first}")
        self.add("try:")
        self.depth += 1
        self._open.append((generator, node.is_async_generator))

    def end(self, body: Body) -> None:
        if not self._open:
            super().end(body)
            return
        for line in (*body.then, f"result = {body.result}"):
            self.add(line)
        for generator, is_async in reversed(self._open):
            self.depth -= 1
            self.add("except BaseException as error:")
            self.add(f"    await fail({generator}, error)")
            self.add("    raise")
            self.add(f"if {'await anext' if is_async else 'next'}({generator}, END) is not END:")
            self.add("    raise RuntimeError('generator did not stop')")
        self.add("return result")


async def _fail(generator: Any, error: BaseException) -> None:
    """Throw *error* into *generator*, as contextlib does."""
    try:
        if hasattr(generator, "athrow"):
            await generator.athrow(error)
        else:
            generator.throw(error)
    except (StopAsyncIteration, StopIteration) as stop:
        if stop is error:
            raise
        return
    raise RuntimeError("generator did not stop after throw()")


class Floor(Hand):
    label = "floor"
    practice = (
        "No container, but the limit: as by hand, with generators driven in place instead of"
        " through contextlib."
    )
    writer = InPlaceWriter
    unable: ClassVar = {
        **dict.fromkeys(("w1", "w1i", "w2", "w2i", "w4", "w5", "w6"), _SAME),
        **dict.fromkeys(("w7.fastapi.none", "w7.fastapi.app"), _SAME),
        **dict.fromkeys(("w7.starlette.none", "w7.starlette.app"), _SAME),
        **dict.fromkeys(("w7.litestar.none", "w7.litestar.app"), _SAME),
    }


CONTESTANT = Floor
