"""Everything that can be checked on this machine: arguments, files and receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.arguments import diagnosis, pairs, validation
from wati.contract import numbers
from wati.contract.checks import select
from wati.contract.failures import Failure
from wati.contract.options import problems_of
from wati.files.download import not_allowed
from wati.wire import request

if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.contract.call import Call
    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Problem, Receivers


def prepare(context: Context) -> Failure | None:
    """Check the call and fill it in. Returns a failure with every problem, or None if it can be sent.

    Raises Failure if the arguments or flags contain the API key: then none of them may be shown.
    """
    call, settings = context.call, context.session.settings
    endpoint, options = call.endpoint, call.options
    if wrong := problems_of(endpoint, options):
        raise Failure("usage", " ".join(wrong))
    if not isinstance(call.arguments, dict):
        raise Failure("invalid_json", "The arguments are not a JSON object.")
    validation.refuse_key(call.arguments, settings.key, vars(options))
    schema = validation.load_schema(endpoint)
    call = call.replace(arguments=pairs.as_lists(schema, call.arguments))
    problems = validation.validate(endpoint, schema, call.arguments)
    code, hint = "invalid_arguments" if problems else "", ""
    if endpoint.through_wati:
        call = call.replace(connection=call.connection or options.connection or settings.connection)
    if options.all:
        from wati.calls import lists

        call = call.replace(arguments={"pageSize": lists.page_size(options.max_items), **call.arguments})
    needs_files = endpoint.parts or options.output or endpoint.writes_file
    files = context.files if needs_files else None
    context.call = call
    try:
        if endpoint.parts is not None:
            context.call = call = call.replace(parts=endpoint.parts(call.arguments, files))
            context.remarks += [part.remark for part in call.parts if part.remark]
        if files is not None and options.output:
            files.download(options.output, force=options.force)
            if endpoint.endings and not options.output.lower().endswith(endpoint.endings):
                raise not_allowed("--output", f"has to end in {' or '.join(endpoint.endings)}")
            if options.all:
                lists.check_output(files, options)
    except Failure as failure:
        if not failure.problems:
            raise
        problems += failure.problems
        code, hint = code or failure.code, failure.hint
    if endpoint.confirms in ("receivers", "records") and not options.again:
        twins = numbers.twins(_receivers(call)) if endpoint.parts is None or call.parts else []
        if twins and not problems:
            message = numbers.LISTED_TWICE
            return Failure("repeated_send", message, hint=numbers.TWICE, source="arguments", problems=twins)
        problems += twins
    if problems:
        # If only files are wrong, their own hint helps more than an example.
        hint = _example(endpoint, schema, problems) if code == "invalid_arguments" else hint
        return Failure(code, _count(problems), hint=hint, problems=problems)
    context.call = call.replace(receivers=_receivers(call))
    try:
        request.build(context.call)
    except Failure as failure:
        return failure
    return None


def _receivers(call: Call) -> Receivers:
    """Everyone whom a call is about; its arguments may be wrong, but not its files."""
    if call.endpoint.receivers is not None:
        return call.endpoint.receivers(call.arguments, call.parts)
    found = select(call.arguments, "whatsappNumber") + select(call.arguments, "receivers[].whatsappNumber")
    return [(at, number) for at, number in found if isinstance(number, str)]


def _count(problems: list[Problem]) -> str:
    many = "At least " if len(problems) >= validation.MOST_PROBLEMS else ""
    return f"{many}{len(problems)} problem{'s' if len(problems) > 1 else ''} in the arguments."


def _example(endpoint: Endpoint, schema: dict[str, Any], problems: list[Problem]) -> str:
    """The example with the most of the wrong members; of several, the shortest. In words, if it can be."""
    from wati.output.rendering import render

    wrong = {problem["at"].partition("$.")[2].partition(".")[0].partition("[")[0] for problem in problems}
    example = min(schema["examples"], key=lambda example: (-len(wrong & example.keys()), len(str(example))))
    fix = "Fix every problem listed."
    if any(problem["at"].endswith((".whatsappNumber", ".Phone")) for problem in problems):
        fix = "Fix every problem listed. Never guess a customer's number: ask the user."
    if all("csv[" in problem["at"] for problem in problems):
        return fix  # what is wrong is in the file, of which the example says nothing
    short = f"{endpoint.name}.py '{render(pairs.as_objects(schema, example))}'"
    shown = diagnosis.words_of(endpoint, schema, example) or short
    return f"{fix} Example: {shown}"
