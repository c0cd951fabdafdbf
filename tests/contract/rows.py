"""What the workflow contract promises, row by row, and which tests of this folder hold it.

`tests/structure/test_contract_rows.py` fails when a test that is named here is gone, or when it runs on no
engine though the promise is an engine's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """One fact of the contract.

    Attributes:
        of: the row or the bullet it is from.
        words: what is promised, in short, in the contract's words.
        tests: ``module::test``, in this folder, or elsewhere in ``tests`` with a path.
        no_engine: the tests take no engine from the suite: what is refused before any is asked, or they
            kill whole programs, or it holds in the pure floors, or it is about Ray alone.
    """

    of: str
    words: str
    tests: tuple[str, ...]
    no_engine: bool = False


def p(of: str, words: str, *tests: str, no_engine: bool = False) -> Promise:
    return Promise(of, words, tests, no_engine)


PROMISES: tuple[Promise, ...] = (
    # -- names and signatures
    p(
        "init",
        "optional: the first call of anything else initialises with defaults",
        "test_init::test_init_is_optional",
        no_engine=True,
    ),
    p(
        "init",
        'engine: "embedded"; workers: "processes" (default) or "threads"',
        "test_init::test_a_word_that_init_does_not_know_is_a_value_error",
        "test_run::test_tasks_run_in_other_processes_by_default",
        no_engine=True,
    ),
    p(
        "init",
        'engine: "ray"',
        "ray/test_dags::test_nodes_of_both_kinds_mix",
        "ray/test_dags::test_workers_are_not_for_ray",
        no_engine=True,
    ),
    p(
        "init",
        "None keeps, -1 infinite",
        "test_init::test_none_and_minus_one_mean_no_limit",
        "test_init::test_init_again_with_the_same_values_is_fine",
    ),
    p(
        "init",
        "not an int: TypeError",
        "test_init::test_a_number_that_is_no_int_is_a_type_error",
        no_engine=True,
    ),
    p(
        "init",
        "0 running or < -1: ValueError",
        "test_init::test_a_number_that_can_not_be_is_a_value_error",
        no_engine=True,
    ),
    p(
        "init",
        "called again with other values than those in force: ValueError that names both",
        "test_init::test_init_again_with_another_value_names_both",
        "test_init::test_init_again_with_other_workers_names_both",
    ),
    p(
        "init",
        "max_running_workflows and max_pending_workflows hold",
        "test_queue::test_as_many_run_as_may_and_the_others_wait",
        "test_queue::test_they_follow_in_order_of_arrival",
        "test_queue::test_more_than_may_wait_is_queue_full",
    ),
    p("run", "blocks, returns the output", "test_run::test_run_blocks_and_returns_the_output"),
    p(
        "run",
        "args/kwargs feed the DAG's InputNode",
        "test_run::test_inputs_by_position_and_name",
        "test_run::test_a_single_input",
        "test_run::test_parts_of_a_single_input",
        "test_run::test_an_input_that_is_missing_is_a_value_error",
    ),
    p("run", "no id: a unique one is made", "test_run::test_no_id_makes_a_unique_one"),
    p(
        "run",
        "an id that exists: resumed, its stored DAG wins",
        "test_run::test_an_id_that_exists_is_resumed_and_its_stored_dag_wins",
        "test_run::test_an_id_that_failed_is_resumed_with_its_stored_dag",
    ),
    p(
        "run",
        "running or pending already: RuntimeError",
        "test_run::test_an_id_that_runs_is_a_runtime_error",
        "test_run::test_an_id_that_runs_in_another_process_is_a_runtime_error",
        "test_run::test_an_id_that_is_pending_is_a_runtime_error",
    ),
    p("run", "not a DAG: TypeError", "test_run::test_not_a_dag_is_a_type_error"),
    p(
        "run_async",
        "the same, returns at once",
        "test_run::test_run_async_returns_before_the_end",
        "test_run::test_not_a_dag_is_a_type_error",
    ),
    p(
        "run_async",
        "a concurrent.futures.Future on the embedded engine",
        "test_run::test_run_async_gives_a_concurrent_futures_future_on_the_embedded_engine",
        "test_futures::test_concurrent_futures_wait_for_it",
        "test_futures::test_asyncio_awaits_it",
    ),
    p(
        "run_async",
        "a Ray ObjectRef on the Ray engine (so ray.get, ray.wait take it)",
        "ray/test_page::test_resumed_workflows",
        "ray/test_faults::test_a_killed_driver_is_not_missed",
        no_engine=True,
    ),
    p(
        "resume",
        "resume from checkpoints",
        "test_resume::test_resume_goes_on_from_checkpoints",
        "test_resume::test_resume_async_gives_the_output_to_come",
        "test_killed_process::test_it_goes_on_from_its_checkpoints",
    ),
    p(
        "resume",
        "a finished workflow gives its output again",
        "test_resume::test_a_finished_workflow_gives_its_output_again",
    ),
    p(
        "resume",
        "resume_all takes every RESUMABLE one and returns [(id, ref)]",
        "test_resume::test_resume_all_takes_what_is_resumable_and_nothing_else",
        "test_resume::test_resume_all_include_failed_takes_the_failed_ones_too",
        "test_queue::test_resume_all_says_of_each_whether_it_had_a_place",
    ),
    p(
        "resume",
        "running ones before pending ones",
        "test_resume::test_resume_all_takes_running_ones_before_pending_ones",
    ),
    p(
        "get_output",
        "waits while it runs",
        "test_outputs::test_it_waits_while_the_workflow_runs",
        "test_outputs::test_it_waits_while_the_workflow_runs_in_another_process",
        "test_outputs::test_a_finished_workflow_gives_its_output",
    ),
    p(
        "get_output",
        "of a task: its checkpoint, also while the workflow still runs",
        "test_outputs::test_of_a_task_its_checkpoint",
        "test_outputs::test_of_a_task_its_checkpoint_also_while_the_workflow_still_runs",
    ),
    p(
        "get_output",
        "cannot be had: ValueError that says why",
        "test_outputs::test_of_a_failed_workflow_it_cannot_be_had_and_says_why",
        "test_outputs::test_of_a_canceled_workflow_it_cannot_be_had_and_says_why",
        "test_outputs::test_of_a_resumable_workflow_it_cannot_be_had_and_says_what_to_do",
        "test_outputs::test_of_an_unknown_workflow_or_task_is_a_value_error",
        "test_outputs::test_without_a_checkpoint_it_cannot_be_had_and_says_why",
    ),
    p(
        "get_status",
        "a WorkflowStatus, a str enum; its members are also workflow.RUNNING …",
        "test_status::test_every_status_can_be_seen",
    ),
    p(
        "get_status",
        "a str enum",
        "test_status::test_a_status_is_a_str_enum_whose_members_are_also_of_the_module",
        no_engine=True,
    ),
    p("list_all", "[(id, status)]", "test_status::test_every_status_can_be_seen"),
    p(
        "list_all",
        "filter: a status, its string, or a set of either",
        "test_status::test_status_filter_is_a_status_its_string_or_a_set_of_either",
    ),
    p(
        "list_all",
        "anything else: TypeError",
        "test_status::test_a_filter_that_is_anything_else_is_a_type_error",
    ),
    p(
        "cancel",
        "returns once the status reads CANCELED",
        "test_cancel::test_it_reads_canceled_when_cancel_returns",
    ),
    p(
        "cancel",
        "a running task is stopped, not waited for",
        "test_cancel::test_a_running_task_is_stopped",
        "test_cancel::test_a_running_task_is_not_waited_for",
        "test_cancel::test_a_task_that_takes_no_hint_is_stopped_too",
    ),
    p("cancel", "checkpoints stay", "test_cancel::test_checkpoints_stay_and_it_can_be_resumed"),
    p(
        "delete",
        "the workflow and all it stored",
        "test_delete::test_the_workflow_and_all_it_stored_is_gone",
        "test_delete::test_others_keep_all_of_theirs",
    ),
    p(
        "delete",
        "active: WorkflowStillActiveError",
        "test_delete::test_of_an_active_one_is_workflow_still_active_error",
    ),
    p(
        "delete",
        "unknown: WorkflowNotFoundError",
        "test_delete::test_of_an_unknown_id_is_workflow_not_found_error",
    ),
    p(
        "continuation",
        "inside a task: hand the rest over to another DAG",
        "test_continuations::test_inside_a_task_hands_the_rest_over_to_another_dag",
        "test_continuations::test_a_node_that_is_returned_is_one_too",
        "test_continuations::test_each_step_is_resumable_and_runs_once",
    ),
    p(
        "continuation",
        "a tail call: any depth in bounded memory and stack",
        "test_continuations::test_a_tail_call_goes_to_any_depth_in_a_bounded_stack",
    ),
    p(
        "continuation",
        "any depth in bounded memory",
        "pure/test_scheduling_continuations::"
        "test_a_loop_of_ten_thousand_continuations_has_one_frame_and_bounded_memory",
        no_engine=True,
    ),
    p(
        "continuation",
        "outside: run it at once and return its value",
        "test_continuations::test_outside_of_a_task_it_runs_at_once_and_returns_its_value",
    ),
    p("continuation", "not a DAG: TypeError", "test_continuations::test_not_a_dag_is_a_type_error"),
    p(
        "sleep, wait_for_event",
        "DAG nodes",
        "test_sleep::test_a_sleep_is_a_node_of_a_dag_that_gives_none",
        "test_events::test_the_event_is_the_output",
    ),
    p(
        "sleep, wait_for_event",
        "a sleep keeps its end time across a resume",
        "test_sleep::test_a_sleep_keeps_its_end_time_across_a_resume",
    ),
    p(
        "sleep, wait_for_event",
        "event_checkpointed(event) runs only after the event is stored",
        "test_events::test_event_checkpointed_comes_before_what_depends_on_the_event",
        "test_events::test_an_acknowledgement_that_fails_is_made_again_with_the_stored_event",
    ),
    p(
        "sleep, wait_for_event",
        "only after the event is stored: killed at every commit",
        "crash/test_events::test_a_crash_at_each_commit",
        "crash/test_events::test_an_event_that_was_received_and_not_stored_is_never_acknowledged",
        no_engine=True,
    ),
    p(
        "sleep, wait_for_event",
        "not an EventListener class: TypeError",
        "test_events::test_what_is_no_listener",
        no_engine=True,
    ),
    p(
        "options",
        "a decorator, and, as f.options(**workflow.options(...)), a call option",
        "test_options::test_options_as_a_decorator",
        "test_options::test_options_as_a_call_option",
    ),
    p(
        "options",
        "merged, the later call wins key by key",
        "test_options::test_options_are_merged_and_the_later_call_wins_key_by_key",
    ),
    p("options", "name and task_id mean the same", "test_options::test_name_and_task_id_mean_the_same"),
    p(
        "options",
        "unknown option: ValueError that lists the valid ones",
        "test_options::test_an_unknown_option_is_a_value_error_that_lists_the_valid_ones",
        no_engine=True,
    ),
    p(
        "options",
        "above @ray.remote, and on what it makes",
        "ray/test_page::test_user_defined_metadata_in_the_decorator",
        "ray/test_dags::test_options_are_merged_key_by_key",
        no_engine=True,
    ),
    p(
        "HTTP events",
        "200 only after the event is checkpointed",
        "test_http_events::test_200_only_after_the_event_is_checkpointed",
        "test_http_events::test_200_comes_when_the_listener_is_told_and_not_before",
    ),
    p(
        "HTTP events",
        "404 nobody waits for it",
        "test_http_events::test_404_nobody_waits_for_it",
        "test_http_events::test_404_a_second_event_for_one_wait",
    ),
    p(
        "HTTP events",
        "500 it could not be stored",
        "test_http_events::test_500_it_could_not_be_stored",
        no_engine=True,
    ),
    p(
        "HTTP events",
        "HTTPListener",
        "test_http_events::test_wait_for_event_with_an_http_listener",
    ),
    p("exceptions", "the family", "test_errors::test_the_family_of_exceptions", no_engine=True),
    p(
        "exceptions",
        "WorkflowExecutionError: its __cause__ is the task's error",
        "test_errors::test_the_cause_of_an_execution_error_is_the_tasks_error",
    ),
    p(
        "exceptions",
        "WorkflowCancellationError",
        "test_outputs::test_of_a_canceled_workflow_it_cannot_be_had_and_says_why",
    ),
    p(
        "exceptions",
        "WorkflowTaskNotRecoverableError",
        "test_bad_input::test_an_argument_that_can_not_be_unpickled",
    ),
    # -- tasks and DAGs
    p(
        "tasks",
        "still calls as the plain function it is",
        "test_run::test_a_task_still_calls_as_the_function_it_is",
        no_engine=True,
    ),
    p(
        "tasks",
        "@ray.remote functions with .bind work on the Ray engine",
        "ray/test_page::test_retrieving_metadata",
        no_engine=True,
    ),
    p(
        "tasks",
        "actors' methods in a DAG: a clear TypeError",
        "ray/test_dags::test_actors_are_refused",
        no_engine=True,
    ),
    p(
        "tasks",
        "more than one return: ValueError",
        "test_options::test_more_than_one_return_is_a_value_error",
        no_engine=True,
    ),
    p(
        "names",
        "given, or module.qualname (made safe for a file name)",
        "test_dags::test_a_name_is_module_and_qualname_made_safe",
        "test_dags::test_any_text_may_be_a_name_and_an_id",
    ),
    p(
        "names",
        "a name taken already gets _1, _2 … in the order in which dependencies come first",
        "test_dags::test_a_name_that_is_taken_gets_a_number_dependencies_first",
        "test_dags::test_given_names_that_are_taken",
        "test_continuations::test_names_taken_already_get_a_number",
    ),
    p(
        "names",
        "the name is the task's id within its workflow",
        "test_metadata::test_of_a_task_by_position_task_id_and_name",
        "test_dags::test_two_workflows_may_have_the_same_names",
    ),
    p(
        "arguments",
        "captured by value when the workflow is submitted: later mutation changes nothing",
        "test_dags::test_arguments_are_captured_when_it_is_submitted",
        "test_dags::test_a_task_that_changes_its_argument_changes_nothing_for_others",
    ),
    p(
        "arguments",
        "a node arrives as its value, nested in a list, tuple, dict or dataclass too",
        "test_dags::test_a_nested_node_arrives_as_its_value",
    ),
    p(
        "arguments",
        "nested, for @ray.remote: as an ObjectRef",
        "ray/test_dags::test_nodes_are_values_and_nested_ones_are_references",
        no_engine=True,
    ),
    p("arguments", "one node used twice runs once", "test_dags::test_one_node_used_twice_runs_once"),
    p(
        "failures",
        "a worker that dies is retried up to max_retries (default 3)",
        "test_retries::test_a_worker_that_dies_is_retried",
        "test_retries::test_a_worker_that_dies_is_retried_up_to_max_retries",
    ),
    p(
        "failures",
        "-1 for ever",
        "test_retries::test_a_worker_that_dies_for_ever",
        "test_retries::test_minus_one_is_for_ever",
    ),
    p(
        "failures",
        "an exception is retried only with retry_exceptions=True, or a list of types",
        "test_retries::test_an_exception_is_not_retried_by_default",
        "test_retries::test_exceptions_that_are_retried",
        "test_retries::test_exceptions_of_other_types_are_not_retried",
        "test_retries::test_an_exception_is_retried_up_to_max_retries",
    ),
    p(
        "failures",
        "catch_exceptions=True turns the output into (value, None) or (None, exception)",
        "test_retries::test_catch_exceptions_turns_the_output_into_a_pair",
        "test_continuations::test_catch_exceptions_wraps_the_output_of_the_continuation",
    ),
    p(
        "failures",
        "and covers the task's continuations, whichever node of them raised",
        "test_continuations::test_catch_exceptions_covers_the_continuations_whichever_node_of_them_raised",
    ),
    p(
        "checkpoint",
        "checkpoint=False does not store the output",
        "test_checkpoints::test_checkpoint_false_does_not_store_the_output_and_it_reaches_its_dependents",
    ),
    p(
        "checkpoint",
        "is inherited by the task's continuations",
        "test_continuations::test_checkpoint_false_is_inherited_by_the_continuations",
    ),
    p(
        "checkpoint",
        "on resume it runs again",
        "test_checkpoints::test_without_a_checkpoint_it_runs_again_on_resume",
    ),
    p(
        "guarantee",
        "output and record are stored in one transaction before anything that depends on it starts",
        "test_checkpoints::test_a_record_and_its_checkpoint_are_there_before_what_depends_on_them",
    ),
    p(
        "guarantee",
        "a stored task never runs again",
        "test_checkpoints::test_a_stored_task_never_runs_again",
    ),
    p(
        "guarantee",
        "a task that was running at a crash runs again (at least once, recorded once)",
        "test_killed_process::test_it_goes_on_from_its_checkpoints",
    ),
    p(
        "guarantee",
        "at least once, recorded once: killed at random moments",
        "crash/test_sigkill::test_no_stored_task_runs_twice_and_each_output_is_right",
        no_engine=True,
    ),
    # -- metadata
    p(
        "metadata",
        "answers at once, from any process, while the workflow runs or long after",
        "test_metadata::test_from_any_process_while_the_workflow_runs_or_after",
    ),
    p(
        "metadata",
        "a field that is not known yet is absent, never None",
        "test_metadata::test_a_field_that_is_not_known_yet_is_absent",
        "test_metadata::test_absent_and_never_none",
    ),
    p(
        "metadata",
        "workflow: status, user_metadata, stats, task_options",
        "test_metadata::test_of_a_workflow_status_user_metadata_stats_and_task_options",
        "test_metadata::test_task_options_of_a_workflow_are_those_of_the_task_that_gives_the_output",
    ),
    p(
        "metadata",
        "task: name, task_options, user_metadata, workflow_refs, stats",
        "test_metadata::test_of_a_task_name_task_options_user_metadata_workflow_refs_and_stats",
        "test_metadata::test_stats_of_a_task_are_of_its_last_attempt",
    ),
    p(
        "metadata",
        "task_options has ray_options on Ray",
        "ray/test_dags::test_options_of_ray_are_honoured_and_shown",
        no_engine=True,
    ),
    p(
        "metadata",
        "a cancelled workflow has no end_time",
        "test_cancel::test_a_cancelled_workflow_has_no_end_time",
    ),
    p("metadata", "a failed one has", "test_metadata::test_a_failed_workflow_has_an_end_time"),
    p(
        "metadata",
        "a resume moves start_time and end_time to the new run",
        "test_metadata::test_a_resume_moves_start_time_and_end_time_to_the_new_run",
        "test_metadata::test_a_running_resume_has_no_end_time",
    ),
    p(
        "metadata",
        "RESUMABLE: it was running or pending and its engine is gone; no clean-up call is needed",
        "test_killed_process::test_status_is_resumable_at_once_for_every_call",
        "test_status::test_what_was_closed_reads_resumable_at_once",
        "test_queue::test_a_pending_one_of_a_closed_engine_is_resumable",
    ),
    p(
        "metadata",
        "user metadata: a dict that serialises to JSON, else ValueError, before anything ran",
        "test_metadata::test_user_metadata_that_json_can_not_hold_is_a_value_error_before_anything_ran",
    ),
    p(
        "metadata",
        "unknown ids: ValueError, No such workflow_id '…', No such task_id '…' in workflow '…'",
        "test_metadata::test_unknown_ids_are_a_value_error_that_names_them",
        "test_status::test_status_of_an_unknown_id_is_a_value_error",
    ),
    p(
        "metadata",
        "pytest.raises(ray.exceptions.RaySystemError) around a failing run holds",
        "ray/test_page::test_resumed_workflows",
        no_engine=True,
    ),
    p(
        "metadata",
        "pytest.raises(workflow.WorkflowExecutionError) holds",
        "test_metadata::test_a_failed_workflow_has_an_end_time",
    ),
    # -- what the contract's rows refuse, and what issue 3 adds beside them
    p(
        "bad input",
        "a cycle made through mutation",
        "test_dags::test_a_cycle_is_a_value_error",
        "test_continuations::test_a_cycle_made_through_mutation_fails_the_task_that_returned_it",
    ),
    p(
        "bad input",
        "a listener that raises, hangs, or returns what can't be pickled",
        "test_events::test_a_listener_that_raises_fails_the_task",
        "test_events::test_a_listener_that_hangs_is_stopped_by_its_timeout",
    ),
    p(
        "bad input",
        "a negative, infinite or NaN sleep",
        "test_sleep::test_negative_infinite_or_nan_is_told_where_it_is_given",
        no_engine=True,
    ),
    p(
        "bad input",
        "a negative, infinite or NaN sleep that a task makes",
        "test_sleep::test_negative_infinite_or_nan_from_a_task_fails_the_sleep",
    ),
    p(
        "bad input",
        "a timeout of zero",
        "test_timeouts::test_a_timeout_of_zero_and_other_times_that_can_not_be",
        no_engine=True,
    ),
    p(
        "bad input",
        "HTTP bodies that are not JSON, too large, or lack a key",
        "web/test_hostile::test_a_body_that_is_not_json",
        "web/test_hostile::test_the_largest_body",
        "web/test_hostile::test_a_body_that_lacks_a_key",
        no_engine=True,
    ),
    p(
        "timeout",
        "an attempt that runs over is stopped and counts as a failure that can be retried",
        "test_timeouts::test_an_attempt_that_runs_over_is_stopped_and_retried",
    ),
    p(
        "retry_delay",
        "with exponential backoff and jitter",
        "test_timeouts::test_the_pause_before_a_retry_doubles_up_to_a_bound",
    ),
    p(
        "current",
        "workflow id, task name, attempt, run, and whether this is a resume",
        "test_current::test_it_gives_workflow_task_attempt_run_and_whether_this_is_a_resume",
    ),
    p(
        "async tasks",
        "async def functions are tasks; many wait on one event loop in one worker",
        "test_async::test_async_def_functions_are_tasks",
        "test_async::test_many_wait_in_one_worker_and_each_knows_itself",
    ),
    p(
        "send_event",
        "the answers of the HTTP endpoint, as what is returned or raised",
        "test_send_event::test_it_returns_only_after_the_event_is_checkpointed",
        "test_send_event::test_nobody_waits_for_it",
    ),
)
