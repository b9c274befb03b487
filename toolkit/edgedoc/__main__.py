"""`python -m edgedoc` is the command line."""

from edgedoc.cli import main

if __name__ == "__main__":
    main()
