"""Bridges to the libraries that bots already use; each module is imported by its own name, when used."""
