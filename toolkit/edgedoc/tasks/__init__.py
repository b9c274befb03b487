"""Tasks: a recipe, an engine and the document code put together. Each file is one task."""
