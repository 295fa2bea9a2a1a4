# Finds a Python for the project's scripts; sourced by them, never run.
# shellcheck shell=bash

# Can "$1" make environments for the project? True only for a Python >= 3.11 with venv and pip's bundle.
# Running it is the point: a pyenv shim is on PATH for versions that are not active, and fails when run.
python_fits() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Every place where a fitting Python may be, the oldest supported version first.
python_candidates() {
    local version
    for version in 3.11 3.12 3.13 3.14; do
        type -ap "python$version" || true
        compgen -G "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version.*/bin/python$version" || true
    done
    type -ap python3 python || true
}

# Prints the path of the Python to use: $PYTHON when it is set, else the first candidate that fits.
find_python() {
    local candidate
    if [[ -n "${PYTHON:-}" ]]; then
        if python_fits "$PYTHON"; then
            printf '%s\n' "$PYTHON"
            return 0
        fi
        echo "PYTHON=$PYTHON is not a Python >= 3.11 with the modules venv and ensurepip." >&2
        return 1
    fi
    while IFS= read -r candidate; do
        if python_fits "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done < <(python_candidates)
    cat >&2 <<'EOT'
No Python >= 3.11 with the modules venv and ensurepip was found.
Install one and run this again:
  Debian, Ubuntu   apt-get install python3 python3-venv   (Debian 12, Ubuntu 24.04 or newer)
  Fedora           dnf install python3
  macOS            brew install python@3.13
  anywhere         https://www.python.org/downloads/
or name one: PYTHON=/path/to/python3.13
EOT
    return 1
}
