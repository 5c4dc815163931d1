"""A report as annotations of GitHub Actions."""

from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override  # in typing since Python 3.12

from reconciler.banlist.value import BanList
from reconciler.errors import BanListInvalid, Problem, ReconcilerError
from reconciler.views import diagnostics
from reconciler.views.text_format import TextFormat, verdict


class GithubFormat(TextFormat):
    """Workflow commands, which GitHub shows at the lines of the list."""

    tells_problems = True

    @override
    def valid(self, ban_list: BanList) -> None:
        self.output.write(self._annotations(ban_list.warnings) + verdict(ban_list))

    @override
    def failed(self, error: ReconcilerError) -> None:
        out = self.output
        if isinstance(error, BanListInvalid):
            out.write(self._annotations(error.problems))
        else:
            file = out.from_root(out.ban_list) if out.list_exists else None
            out.write(diagnostics.github_failed(str(error), file))

    def _annotations(self, problems: Sequence[Problem]) -> str:
        from_root = self.output.from_root
        return diagnostics.github([replace(problem, file=from_root(problem.file)) for problem in problems])
