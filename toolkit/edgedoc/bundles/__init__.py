"""Artifacts and wheels in one file that a machine without a network can check and install."""
