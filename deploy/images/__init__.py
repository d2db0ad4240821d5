"""Container images of the services: `python -m deploy.images.build`."""
