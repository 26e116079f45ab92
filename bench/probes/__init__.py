"""Our own code under measurement, and the bare servers beside it."""
