"""Data only: recipes of the known checkpoints and the bundled nano models. Read through importlib.resources."""
