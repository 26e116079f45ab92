"""The figures: measured on real servers, each beside a limit in the same run."""
