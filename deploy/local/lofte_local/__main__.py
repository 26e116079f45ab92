"""`python -m lofte_local` is the `lofte` command line."""

import sys

try:
    from lofte_local.cli import main

    main()
except KeyboardInterrupt:  # also while the imports still run
    sys.exit(130)
