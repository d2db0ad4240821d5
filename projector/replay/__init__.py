"""Replay: fold the log into a generation of its own while another serves, and let it take over."""
