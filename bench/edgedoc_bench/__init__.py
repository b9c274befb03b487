"""edgedoc_bench: what a model costs on this machine. Measures edgedoc; is never imported by it."""
