"""What lifescope is to reach: ratios to the hand-written baseline, or figures of their own."""

from dataclasses import dataclass

from benchmarks.peers.results import SECONDS


@dataclass(frozen=True)
class Target:
    """The most that a figure of a workload may be.

    Attributes:
        limit: The most.
        figure: Which figure.
        is_ratio: Whether its ratio to the baseline counts, or the figure itself.
    """

    limit: float
    figure: str = SECONDS
    is_ratio: bool = True


TARGETS: dict[str, tuple[Target, ...]] = {
    "w1": (Target(2.0),),
    "w1i": (Target(2.0),),
    "w2": (Target(2.0),),
    "w2i": (Target(1.1),),
    "w3": (Target(0.80),),
    "w3i": (Target(0.60),),
    "w4": (Target(1.5),),
    "w5": (Target(1.5),),
    "w6.flat": (Target(60, "build_ms", is_ratio=False),),
    "w6.deep": (Target(60, "build_ms", is_ratio=False),),
    "w7.fastapi.none": (Target(1.05),),
    "w7.fastapi.app": (Target(0.95),),
    "w7.fastapi.graph": (Target(0.92),),
    "w7.fastapi.injected": (Target(0.70),),
    "w7.starlette.none": (Target(1.15),),
    "w7.starlette.app": (Target(1.10),),
    "w7.starlette.graph": (Target(1.00),),
    "w8": (Target(0.97), Target(1.1, "p99_ms")),
    "w9": (Target(0.95),),
    "w10.scope": (
        Target(0, "objects_kept", is_ratio=False),
        Target(0, "garbage", is_ratio=False),
    ),
    "w10.fastapi": (
        Target(0, "objects_kept", is_ratio=False),
        Target(0, "garbage", is_ratio=False),
    ),
    "wp.scope": (Target(0.90),),
    "wp.injected": (Target(0.65),),
    "wp.fastapi": (Target(0.95),),
}
