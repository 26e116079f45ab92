"""`python -m casework`."""

from chassis.starting import start

start("casework")
