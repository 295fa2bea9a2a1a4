"""What must hold for the built wheel in an environment that has nothing else of the project.

Without arguments: the environment has the wheel and its own requirements only.
With --program FOLDER: the README's program works, tested and served, with the extras.
"""

import argparse
import importlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from _server import launch

DISTRIBUTION = "lifescope"


def check_import() -> None:
    package = importlib.import_module(DISTRIBUTION)
    where = Path(str(package.__file__))
    assert where.is_relative_to(sys.prefix), f"imported from {where}, not from the wheel"
    assert where.with_name("py.typed").is_file(), "py.typed is missing"
    for name in package.__all__:
        assert hasattr(package, name), f"{name} is in __all__ and does not exist"
    for framework in ("fastapi", "uvicorn"):
        assert framework not in sys.modules, f"importing {DISTRIBUTION} imports {framework}"


def check_content() -> None:
    files = importlib.metadata.files(DISTRIBUTION) or []
    tops = {Path(file).parts[0] for file in files if not str(file).startswith("..")}
    strange = {top for top in tops if not top.startswith(DISTRIBUTION)}
    assert not strange, f"the wheel installs {', '.join(sorted(strange))}"


def check_drawing() -> None:
    """The parts of the HTML drawing that are not Python are in the wheel, too."""
    package, render = (importlib.import_module(n) for n in (DISTRIBUTION, f"{DISTRIBUTION}.render"))
    assert "<script>" in render.html(package.Container().graph)


def check_pages() -> None:
    """The pages about errors are in the wheel."""
    errors = importlib.import_module(f"{DISTRIBUTION}.errors")
    codes = {getattr(errors, name).code for name in errors.__all__ if name != "page"}
    assert codes
    for code in filter(None, codes):
        assert errors.page(code).startswith(f"# {code}: "), f"the page {code} is missing"


def check_bare() -> None:
    """Nothing optional is here, so the import above has worked without it."""
    for name in ("fastapi", "uvicorn", "sqlalchemy", "pytest"):
        assert find_spec(name) is None, f"{name} is installed; this environment is not bare"


def check_program(source: Path) -> None:
    """The README's program works as in a user's folder: its tests, and a request under uvicorn."""
    with tempfile.TemporaryDirectory(prefix="lifescope-wheel-") as name:
        folder = Path(name)
        for file in ("orders.py", "test_orders.py"):
            shutil.copy(source / file, folder)
        os.chdir(folder)
        sys.path.insert(0, name)
        importlib.import_module("test_orders").test_order()
        with launch("orders:app", app_dir=folder, folder=folder, env=os.environ) as server:
            server.wait_until_ready()
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{server.url}/orders/1", timeout=10) as response:
                assert response.status == 200, response.status
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path)
    program = parser.parse_args().program
    check_import()
    check_content()
    check_drawing()
    check_pages()
    if program is None:
        check_bare()
    else:
        check_program(program.resolve())


if __name__ == "__main__":
    main()
