"""user-progress as a program; README.md says what it serves and how to run it."""

from learnflow.services import Service
from learnflow.serving import main

if __name__ == "__main__":
    main([Service.USER_PROGRESS])
