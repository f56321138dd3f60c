"""What the policies of deploy/aws permit, and what is asked of AWS: calls of ECS, requests to S3."""

from __future__ import annotations

import fnmatch
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from etl_assets_tests.deploy.dockerfile import DEPLOY

AWS = DEPLOY / "aws"
VALUES = {
    "AWS_ACCOUNT": "123456789012",
    "AWS_REGION": "us-east-1",
    "ECS_CLUSTER": "etl",
    "DROP_PREFIX": "staging",
    "LAKE_PREFIX": "lake",
    "LOGS_PREFIX": "logs",
    "ETL_VERSION": "1",
    "ETL_SITE": "dagster.example.com",
    "KMS_KEY_ARN": "arn:aws:kms:us-east-1:123456789012:key/0",
    "DAGSTER_PG_URL_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:etl/dagster-pg-url-AbCdEf",
    "ETL_LEDGER_URL_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:etl/ledger-url-AbCdEf",
    "OIDC_ISSUER": "https://login.example.com",
}


def filled_in(path: Path, **values: str) -> Any:
    """A file of deploy/aws, with its variables replaced as envsubst does."""
    said = VALUES | values
    text = path.read_text(encoding="utf-8")
    return json.loads(re.sub(r"\$\{(\w+)\}", lambda match: said.get(match[1], match[1].lower()), text))


@dataclass(frozen=True)
class Call:
    """One action on one resource, with what a policy's condition may ask."""

    action: str
    resource: str
    facts: dict[str, str] = field(default_factory=dict, hash=False, compare=False)


def permits(policy: dict[str, Any], call: Call) -> bool:
    """Whether a policy of an identity allows a call: actions, resources, and the conditions used in ours."""
    return any(_fits(statement, call) for statement in policy["Statement"])


def actions(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def unused(policy: dict[str, Any], calls: set[Call]) -> set[str]:
    """What a policy allows and nobody asked for: the statement, and the action."""
    return {
        f"{statement['Sid']} {action}"
        for statement in policy["Statement"]
        for action in statement["Action"]
        if not any(call.action == action and _fits(statement, call) for call in calls)
    }


def _fits(statement: dict[str, Any], call: Call) -> bool:
    if call.action not in statement["Action"]:
        return False
    if not any(_like(call.resource, pattern) for pattern in statement["Resource"]):
        return False
    for operator, asked in statement.get("Condition", {}).items():
        assert operator in ("StringLike", "StringEquals", "ArnEquals"), operator
        for name, patterns in asked.items():
            wanted = [patterns] if isinstance(patterns, str) else patterns
            if not any(_like(call.facts.get(name, "\0"), one) for one in wanted):
                return False
    return True


def _like(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


# --- ECS ----------------------------------------------------------------------------------------------------

TASK = "arn:aws:ecs:us-east-1:123456789012:task/etl/0123456789abcdef"
CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/etl"
RUN_DEFINITION = "arn:aws:ecs:us-east-1:123456789012:task-definition/etl-run:7"


class Ecs:
    """Answers ECS' and CloudWatch's API as they do for one cluster, and writes down what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.task = {"taskArn": TASK, "clusterArn": CLUSTER, "lastStatus": "RUNNING"}
        self.task["taskDefinitionArn"] = RUN_DEFINITION
        self.url = ""

    def answer(self, operation: str, said: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((operation, said))
        if operation == "DescribeTaskDefinition":
            definition = filled_in(AWS / "tasks" / "run.json")
            return {"taskDefinition": definition | {"taskDefinitionArn": RUN_DEFINITION}}
        if operation == "GetLogEvents":
            return {"events": [{"message": "out of memory"}]}
        return {"tasks": [self.task], "failures": [], "task": self.task}

    def calls(self) -> set[Call]:
        """What was asked, as a policy sees it."""
        facts = {"ecs:cluster": CLUSTER}
        found = set()
        for operation, said in self.asked:
            if operation == "DescribeTaskDefinition":
                found.add(Call("ecs:DescribeTaskDefinition", "*"))
            elif operation == "RunTask":
                found.add(Call("ecs:RunTask", RUN_DEFINITION, facts))
                if said.get("tags"):
                    found.add(Call("ecs:TagResource", TASK, {"ecs:CreateAction": "RunTask"}))
                definition = filled_in(AWS / "tasks" / "run.json")
                for role in (definition["taskRoleArn"], definition["executionRoleArn"]):
                    passed = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
                    found.add(Call("iam:PassRole", role, passed))
            elif operation == "GetLogEvents":
                stream = f"log-group:{said['logGroupName']}:log-stream:{said['logStreamName']}"
                found.add(Call("logs:GetLogEvents", f"arn:aws:logs:us-east-1:123456789012:{stream}"))
            else:
                found.add(Call(f"ecs:{operation}", TASK, facts))
        return found


@contextmanager
def ecs_api() -> Iterator[Ecs]:
    """An endpoint for boto3's clients, on loopback."""
    ecs = Ecs()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            answer = json.dumps(ecs.answer(operation, json.loads(body))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    ecs.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield ecs
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- S3 -----------------------------------------------------------------------------------------------------


def s3_calls(log: Path) -> set[Call]:
    """The requests of Caddy's access log, as a policy sees them."""
    found = set()
    for line in log.read_text(encoding="utf-8").splitlines():
        request = json.loads(line)["request"]
        if "Authorization" not in request["headers"]:
            continue  # the server's clock, which any answer tells: nobody's permission is needed
        found |= set(_s3(request["method"], request["uri"], request["headers"]))
    return found


def _s3(method: str, uri: str, headers: dict[str, list[str]]) -> Iterator[Call]:
    parts = urlsplit(uri)
    query = parse_qs(parts.query, keep_blank_values=True)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    bucket_arn, object_arn = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{key}"
    if not key and method in ("GET", "HEAD"):
        prefix = query.get("prefix", [""])[0]
        yield Call("s3:ListBucket", bucket_arn, {"s3:prefix": prefix})
    elif not key and method == "POST" and "delete" in query:
        prefix = "logs" if bucket.endswith("-logs") else "lake"
        yield Call("s3:DeleteObject", f"{bucket_arn}/{prefix}/one-of-many")  # the body names them
    elif method in ("GET", "HEAD"):
        yield Call("s3:GetObject", object_arn)
    elif method == "DELETE":
        yield Call("s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject", object_arn)
    else:
        assert method in ("PUT", "POST"), (method, uri)
        assert key, (method, uri)
        yield Call("s3:PutObject", object_arn)
        for source in headers.get("X-Amz-Copy-Source", ()):
            yield Call("s3:GetObject", f"arn:aws:s3:::{unquote(source).lstrip('/')}")
