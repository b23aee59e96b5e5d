"""The commands of the command line, a module each; `flows/cli.py` puts them together."""
