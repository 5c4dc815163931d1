"""A report as the comment of a pull request."""

from typing_extensions import override  # in typing since Python 3.12

from reconciler.errors import BanListInvalid, ReconcilerError
from reconciler.plan.change import Plan
from reconciler.views import markdown
from reconciler.views.notices import Setting
from reconciler.views.report import Format


class MarkdownFormat(Format):
    """A comment. Whatever it says, its marker is that of the list, so that it takes the place of the last one."""

    tells_problems = True

    @override
    def plan(self, plan: Plan, setting: Setting, rate: float | None) -> None:
        self.output.write(markdown.plan(plan, setting, rate=rate))

    @override
    def failed(self, error: ReconcilerError) -> None:
        if isinstance(error, BanListInvalid):
            self.output.write(markdown.problems(error.problems, self.output.ban_list))
        else:
            self.output.write(markdown.failed(str(error), self.output.ban_list))
