"""Are differences found where there are some, and only there?"""
