#!/bin/sh
# Installs Löfte into this clone: uv into .tools, everything else from uv.lock into .venv.
# Run by make from the root of the clone. What is missing is told in one sentence.
set -eu
uv_version=$1

fail() {
    echo "$1" >&2
    exit 1
}

find_python() {
    for candidate in "${PYTHON3:-python3}" python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail 'Python 3.11 or newer is missing: apt-get install python3 python3-venv.'
}

if ! .tools/bin/uv --version 2>/dev/null | grep -q "^uv $uv_version\b"; then
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python lacks its venv module: apt-get install python3-venv."
    echo "Fetching uv $uv_version into .tools"
    "$python" -m venv --clear .tools
    .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version" ||
        fail 'pip could not fetch uv: check the network and pip'\''s settings.'
fi
echo 'Installing what uv.lock names into .venv'
if [ ! -x .venv/bin/python ]; then
    .tools/bin/uv venv --quiet --no-python-downloads --python "$(find_python)" .venv
fi
# Compiled once here: a dozen processes start from it.
.tools/bin/uv sync --quiet --frozen --all-packages --no-python-downloads --compile-bytecode ||
    fail 'uv could not install what uv.lock names: check the network and the disk (what it said stands above).'
