"""`python -m lifescope` is the command line."""

from lifescope.cli import main

if __name__ == "__main__":
    main()
