"""Tests that kill. A package: the systems that are shaken end with the last of them."""
