"""``python -m kraken_async``: the command line."""

from kraken_async.cli import main

if __name__ == "__main__":
    main()
