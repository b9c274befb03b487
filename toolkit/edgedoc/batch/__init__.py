"""Many documents, resumable: from whatever holds them to one output, each exactly once, whatever dies on the way.

    arguments -> inputs -> Source -> job <-> pool <-> worker processes
                                      |
                                   journal (SQLite, beside the output: the truth) -> outputs

Nothing is imported here, so that a worker loads only what it needs.
"""
