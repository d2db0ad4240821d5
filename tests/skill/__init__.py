"""Tests of the skill that scaffolds services, and of the services that it has scaffolded."""
