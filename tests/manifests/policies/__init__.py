"""The rules, each a function over all objects of a deployment that says what is against it."""
