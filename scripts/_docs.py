"""The site of docs/, served for a person who reads or writes it, or built as CI does."""

import argparse
import os
import sys

from _environments import Recipe, current_interpreter
from _serving import HOST, problem_with
from _starting import become, prepared
from _steps import CACHE, ROOT


def main() -> int:
    arguments = _arguments()
    problem = None if arguments.build else problem_with(arguments.port, "scripts/docs")
    if problem:
        print(problem, file=sys.stderr)
        return 1
    recipe = Recipe("docs", current_interpreter(), ("docs",))
    python = prepared(recipe, verbose=arguments.verbose).python
    os.chdir(ROOT)
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # a notice of the theme about its own future
    if arguments.build:
        site = ["--strict", "--site-dir", CACHE / "site"]
        return become(python, "-m", "mkdocs", "build", *site)
    print(f"The site is built first; then open http://{HOST}:{arguments.port}/. Ctrl-C stops it.\n")
    address = f"{HOST}:{arguments.port}"
    return become(python, "-m", "mkdocs", "serve", "--livereload", "--dev-addr", address)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/docs",
        description="Serve the documentation; a page that changes is built anew, and shown.",
    )
    parser.add_argument("--port", type=int, default=8080, help="where to listen (default 8080)")
    parser.add_argument(
        "--build",
        action="store_true",
        help="build it into .cache/site instead; warnings are errors, as in CI",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show all output")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
