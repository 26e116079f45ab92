"""`python -m intake`."""

from chassis.starting import start

start("intake")
