"""`python -m learnflow` is the `learnflow` program."""

from learnflow.entry import run

if __name__ == "__main__":
    run()
