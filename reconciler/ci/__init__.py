"""What CI systems run, called as `reconciler ci STEP`: the steps of the GitHub action, and the note for GitLab.

It imports nothing but the standard library, so that a job that could not install the package can still say so.
"""
