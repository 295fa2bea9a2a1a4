"""Running tasks side by side, each after what it needs."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Task:
    """Something to do.

    Attributes:
        run: Does it.
        needs: What has to be done before.
        alone: It keeps the whole machine busy by itself.
    """

    run: Callable[[], object]
    needs: Sequence["Task"] = ()
    alone: bool = False


def run_all(tasks: Sequence[Task], at_once: int, *, give_up: Callable[[], None]) -> None:
    """Run *tasks*: the first that can start first, those that are to be alone at the end.

    Args:
        tasks: Those that others need are among them.
        at_once: How many run side by side.
        give_up: Makes those that run end soon; called when this one is interrupted.
    """
    waiting = list(tasks)
    running: dict[Future[object], Task] = {}

    def can_start(task: Task) -> bool:
        if task.alone:
            return not running and all(other.alone for other in waiting)
        return not any(need in waiting or need in running.values() for need in task.needs)

    with ThreadPoolExecutor(at_once) as pool:
        try:
            while waiting or running:
                for task in [task for task in waiting if can_start(task)]:
                    if len(running) < at_once and can_start(task):
                        waiting.remove(task)
                        running[pool.submit(task.run)] = task
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    del running[future]
                    future.result()
        except BaseException:
            give_up()
            raise
