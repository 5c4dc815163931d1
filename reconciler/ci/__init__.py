"""What CI systems run, called as `reconciler ci STEP`: the steps of a job on GitHub or GitLab.

It imports nothing but the standard library, so that a job that could not install the package can still say so.
"""
