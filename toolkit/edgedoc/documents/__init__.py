"""Pure text: HTML cleaning, windows, Markdown joining. Knows no model, no token ids and no files."""
