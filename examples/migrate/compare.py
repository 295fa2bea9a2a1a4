"""Run the apps that need another container, where it is installed, and say what they did.

    python -m migrate.compare dishka wireup dependency_injector

RESULTS.md has what it printed.
"""

import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType

from migrate.asking import ANSWERS, ask

HERE = Path(__file__).parent


def load(container: str) -> ModuleType:
    """The module that is in the text file, which nobody else imports."""
    path = HERE / f"{container}.txt"
    module = ModuleType(f"migrate._{container}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # annotations and wiring look it up
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
    return module


def main() -> None:
    for container in sys.argv[1:]:
        module = load(container)
        seen = ask(module.app)
        load(container).test_price()  # anew: not every container can be started twice
        said = [
            f"{container} {importlib.metadata.version(container)}",
            f"  same answers: {seen.answers == ANSWERS}; its own test passes",
            f"  stored:       {', '.join(seen.stored)}",
            f"  log:          {', '.join(seen.log)}",
        ]
        sys.stdout.write("\n".join(said) + "\n")


if __name__ == "__main__":
    main()
