"""What happened: the event contracts, their CloudEvents form, their versions and their identities.

No I/O. Nothing here reads a clock, but for `events.identity.new_event_id`.
"""
