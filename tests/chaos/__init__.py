"""Real processes, killed at random under traffic for as long as one likes: `python -m tests.chaos`."""
