"""The API over HTTP: the real app over the real embedded adapter, expectations from the contract and not the code."""
