"""The composition root: settings, services, the `learnflow` command. The only room that knows an adapter."""
