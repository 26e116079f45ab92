"""`python -m routing`."""

from routing.main import run

run()
