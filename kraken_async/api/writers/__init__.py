"""Writers of the files that are made from ``spot.toml``; each gives the text of one file or of several."""
