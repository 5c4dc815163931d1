"""A report as annotations of GitHub Actions."""

from dataclasses import replace

from typing_extensions import override  # in typing since Python 3.12

from reconciler.errors import BanListInvalid, ReconcilerError
from reconciler.views import diagnostics
from reconciler.views.text_format import TextFormat


class GithubFormat(TextFormat):
    """Workflow commands, which GitHub shows at the lines of the list."""

    tells_problems = True

    @override
    def failed(self, error: ReconcilerError) -> None:
        out = self.output
        if isinstance(error, BanListInvalid):
            problems = [replace(problem, file=out.from_root(problem.file)) for problem in error.problems]
            out.write(diagnostics.github(problems))
        else:
            file = out.from_root(out.ban_list) if out.list_exists else None
            out.write(diagnostics.github_failed(str(error), file))
