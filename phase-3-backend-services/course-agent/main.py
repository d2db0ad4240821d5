"""course-agent as a program; README.md says what it serves and how to run it."""

from learnflow.services import Service
from learnflow.serving import main

if __name__ == "__main__":
    # The projector runs in here because a data folder belongs to one process: nobody else could fold its log.
    main([Service.COURSE_AGENT, Service.PROJECTOR])
