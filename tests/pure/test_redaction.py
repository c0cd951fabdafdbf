"""Secrets in a command line are not recorded; nor those among the variables of a `runtime_env` of Ray's."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heliograph.records.metadata import shown_options
from heliograph.records.redaction import is_secret, redacted

COMMANDS = [  # what a shell is given, and what is recorded of it
    # options
    ("job.py --password s3cret --out a.csv", "job.py --password *** --out a.csv"),
    ("--api-key=s3cret", "--api-key=***"),
    ("--password='s3 cret'", "--password=***"),
    ("--token -s3cret", "--token ***"),
    ("--token -v --no-password --out a.csv", "--token -v --no-password --out a.csv"),
    ("--token= --out a.csv", "--token= --out a.csv"),
    ("-p s3cret -p=s3cret -ps3cret -p -v", "-p *** -p=*** -p*** -p -v"),
    ("--monkey=1 --keyboard us --tokenizer bert", "--monkey=1 --keyboard us --tokenizer bert"),
    # users
    ("curl -u ann:s3cret -uann:s3cret --user=ann:s3:cret", "curl -u ann:*** -uann:*** --user=ann:***"),
    ("--user ann --login bob -u http://db:80/", "--user ann --login bob -u http://db:80/"),
    # variables, parameters, texts of a database
    ("env DB_PASSWORD=s3cret PGPASSWORD=s3cret", "env DB_PASSWORD=*** PGPASSWORD=***"),
    ("'http://h/?api_key=s3cret&n=1#x'", "'http://h/?api_key=***&n=1#x'"),
    ("'https://h/?X-Amz-Signature=s3cret&n=1'", "'https://h/?X-Amz-Signature=***&n=1'"),
    (""""user=ann password='s3 cret' port=1" """, "'user=ann password=*** port=1'"),
    (""" "f(n=1, token = 's3cret')" """, "'f(n=1, token = ***)'"),
    ("'Server=db;AccountKey=s3cret=='", "'Server=db;AccountKey=***'"),
    # URLs
    ("--storage=postgresql://ann:s3/cr@et@db/flows", "--storage=postgresql://ann:***@db/flows"),
    ("postgresql://ann@db/flows http://h:80/a", "postgresql://ann@db/flows http://h:80/a"),
    # headers
    ("-H 'Authorization: Bearer s3cret'", "-H 'Authorization: Bearer ***'"),
    ("Authorization: Basic s3cret then", "Authorization: Basic *** then"),
    ("-H 'Cookie: a=s3cret; b=s3cret'", "-H 'Cookie: ***'"),
    ("curl -b a=s3cret --cookie a=s3cret JSESSIONID=s3cret", "curl -b *** --cookie *** JSESSIONID=***"),
    ("train.py -b 32", "train.py -b 32"),
    ("X-Api-Key:s3cret", "X-Api-Key:***"),
    ("-c 'use Bearer s3cret or go'", "-c 'use Bearer *** or go'"),
    # JSON, YAML
    ("""'{"apiKey": "s3\\"cret", "n": "a=b"}'""", """'{"apiKey": ***, "n": "a=b"}'"""),
    ("""'{"tokens": {"a": ["s3cret"], "b": "s3cret"}, "n": 1}'""", """'{"tokens": ***'"""),
    ("""'{"body": "{\\"token\\": \\"s3cret\\"}"}'""", """'{"body": "{\\"token\\": ***'"""),
    ("'token: s3cret\nn: 1'", "'token: ***\nn: 1'"),
    ("'token: |\n  s3cret'", "'token: ***'"),
    # a command line within an argument
    ("sh -c 'curl -u ann:s3cret --token s3cret -ps3cret /x'", "sh -c 'curl -u ann:*** --token *** -p*** /x'"),
    ("", ""),
]
TOKENS = [
    f"ghp_{36 * 'a'}",
    f"github_pat_11ABC_{59 * 'a'}",
    f"glpat-{10 * 'a-'}",
    f"hf_{34 * 'A'}",
    "xoxb-123456789012-1234567890123-abc",
    "AKIAIOSFODNN7EXAMPLE",
    f"sk-{48 * 'a'}",
    f"sk-ant-api03-{9 * 'a-_b'}{16 * 'c'}-AA",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl",
]


@pytest.mark.parametrize(("given", "recorded"), COMMANDS, ids=[given for given, _ in COMMANDS])
def test_a_command_line_is_recorded_without_its_secrets(given: str, recorded: str) -> None:
    assert redacted(shlex.split(given)) == shlex.split(recorded)


@pytest.mark.parametrize("token", TOKENS, ids=[token[:8] for token in TOKENS])
def test_a_token_of_a_well_known_service_is_not_recorded_wherever_it_stands(token: str) -> None:
    given = ["job.py", token, f"--given={token}", f"https://{token}@h/x", f"['{token}', 1]"]
    assert redacted(given) == ["job.py", "***", "--given=***", "https://***@h/x", "['***', 1]"]


def test_what_only_begins_like_a_token_is_recorded() -> None:
    given = (
        "job.py ghp_x sk-learn sk-forest-of-trees-2026 hf_model AKIA eyJ.eyJ. xox-1 glpat- risk-" + 40 * "a"
    )
    assert redacted(given.split()) == given.split()


FORMS: dict[str, Callable[[str], list[str]]] = {
    "the next argument": lambda secret: ["--password", secret, "x"],
    "an option": lambda secret: [f"--password={secret}"],
    "a variable": lambda secret: ["env", f"DB_PASSWORD={secret}"],
    "-p": lambda secret: ["-p", secret],
    "-u": lambda secret: ["-u", f"ann:{secret}"],
    "a header": lambda secret: ["-H", f"Authorization: Bearer {secret}"],
    "a header's parts": lambda secret: ["Authorization:", "Bearer", secret],
    "JSON": lambda secret: [json.dumps({"n": 1, "apiKey": secret, "m": "x"})],
    "compact JSON": lambda secret: [json.dumps({"apiKey": secret, "m": "x"}, separators=(",", ":"))],
    "nested JSON": lambda secret: [f"--given={json.dumps({'secrets': [{'a': [secret], 'n': 1}]})}"],
    "a literal": lambda secret: [repr({"n": 1, "api_key": secret})],
    "a URL": lambda secret: [f"http://ann:{quote(secret, safe='')}@h/x"],
    "a parameter": lambda secret: [f"http://h/?n=1&token={quote(secret, safe='')}&m=2"],
    "a shell": lambda secret: ["sh", "-c", f"job --token {shlex.quote(secret)} x"],
    "a shell's variable": lambda secret: ["sh", "-c", f"TOKEN={shlex.quote(secret)} job x"],
}


@pytest.mark.parametrize("form", FORMS)
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_characters="\x7f\x85")))
@example("it's")
@example('"')
@example("\\")
@example("&a=b; --c ,}")
def test_no_part_of_a_secret_is_recorded_whatever_it_holds(form: str, text: str) -> None:
    arguments = FORMS[form](f"s3cret{text}s3cret")
    recorded = redacted(arguments)
    assert len(recorded) == len(arguments)
    assert "s3cret" not in "".join(recorded)


SECRET = """
key api-key apikey APIKEY apiKey X-Api-Key access_key accessKeyId secret_key private.key ssh-keys
masterkey LICENSEKEY storagekey privkey
token AUTH_TOKEN authtoken csrftoken2 client-secret
password userPassword PGPASSWORD MYSQL_PWD db_pass passwd passphrase credentials
Authorization Proxy-Authorization auth OAuth Cookie cookies X-Amz-Signature sig
"""
PLAIN = """
monkey turkey hotkey whiskeys keyboard keystone tokenizer tokenize secretary author authority bypass compass
passenger passive cookiecutter signal design
"""


def test_words_of_a_name_are_matched_as_words() -> None:
    assert [name for name in SECRET.split() if not is_secret(name)] == []
    assert [name for name in PLAIN.split() if is_secret(name)] == []


LONG = ["key", "://a:", "token: ", "key:", "a=", "-p ", "-u a:", "key='", 'key="\\', "\\", "sk-", "eyJ-"]


@pytest.mark.timeout(10)  # one that goes on anew from each of its letters takes half a minute
@pytest.mark.parametrize("piece", LONG)
def test_an_argument_as_long_as_the_system_allows_is_gone_through_once(piece: str) -> None:
    assert redacted([piece * (2**17 // len(piece)), "--token", "s3cret"])[-1] == "***"


def test_variables_of_a_runtime_env_are_told_without_secrets() -> None:
    def told(environment: object) -> str:
        return shown_options(json.dumps({"max_retries": 3, "ray_options": {"runtime_env": environment}}))

    plain = told({"env_vars": {"API_KEY": "s3cret", "MODE": "test"}, "pip": ["six"]})
    assert json.loads(plain) == {
        "max_retries": 3,
        "ray_options": {"runtime_env": {"env_vars": {"API_KEY": "***", "MODE": "test"}, "pip": ["six"]}},
    }
    pickled = told({"repr": "{'env_vars': {'API_KEY': 's3cret', 'N': '1'}, 'hook': f}", "pickled": "s3cret"})
    assert json.loads(pickled)["ray_options"]["runtime_env"] == {
        "repr": "{'env_vars': {'API_KEY': ***, 'N': '1'}, 'hook': f}",
        "pickled": "***",
    }
    assert told({"pip": ["six"]}) == '{"max_retries": 3, "ray_options": {"runtime_env": {"pip": ["six"]}}}'
