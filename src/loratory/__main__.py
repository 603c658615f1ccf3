"""`python -m loratory` is the command line."""

from loratory.cli.main import main

if __name__ == "__main__":
    main()
