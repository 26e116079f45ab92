"""How the process of a service begins."""

import gc
import importlib

__all__ = ["start"]


def start(name: str) -> None:
    """Import a service's `main` and run it: `python -m {name}`.

    What is imported stays until the process ends. To look through it for garbage, again and again while it grows and then
    for ever, would be a good part of the start, and a pause of the running service now and then.
    """
    gc.disable()
    run = importlib.import_module(f"{name}.main").run
    gc.freeze()
    gc.enable()
    run()
