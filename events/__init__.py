"""What happened: the event contracts, their CloudEvents form, their versions and their identities.

Pure code. Nothing here reads a clock, a socket or a file, but for `events.schemas`, which exports files on request.
"""
