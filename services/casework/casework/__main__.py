"""`python -m casework`."""

from casework.main import run

run()
