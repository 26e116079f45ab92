"""The image without a command: says which there are."""

import sys

sys.exit(
    "Name what to run: intake, routing, casework, callback or metrics (add --help for its commands), or chassis.topics."
)
