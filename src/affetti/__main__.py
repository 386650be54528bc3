"""`python -m affetti` is the command `affetti`."""

from affetti.cli import main

main()
