"""What others install, under the same load: from the dependency group `peers`."""
