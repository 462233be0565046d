"""`python -m ranscore` is the command line."""

from ranscore.cli import main

if __name__ == "__main__":
    main()
