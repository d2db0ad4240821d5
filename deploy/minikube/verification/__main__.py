"""`python -m deploy.minikube.verification`: does the cluster do what the specification says?"""

import sys

from deploy.minikube.verification.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
