"""`python -m metrics`."""

from metrics.main import run

run()
