"""Model folders: contract, weights by hash; which exist, how they load."""
