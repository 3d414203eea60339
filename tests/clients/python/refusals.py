"""Makes the calls that the test names on standard input, one JSON object a line, and tells how each was refused, as grpcio-status
reads it."""

import base64
import json
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def refusal(channel, call):
    method = channel.unary_unary(call["method"], request_serializer=bytes, response_deserializer=bytes)
    metadata = [("apiary-request-bin", base64.b64decode(call["request"]))] if call["request"] else []
    try:
        method(base64.b64decode(call["message"]), metadata=metadata, timeout=call.get("timeout_ms", 10_000) / 1000)
    except grpc.RpcError as error:
        return told(error)
    return {"code": "OK"}


def told(error):
    # Raises if code and words in the details are not those of the call.
    status = rpc_status.from_call(error)
    answer = {"code": error.code().name, "message": error.details()}
    for detail in status.details if status else []:
        info, retry, request = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            answer |= {"reason": info.reason, "domain": info.domain, "retryable": info.metadata["retryable"]}
        elif detail.Unpack(retry):
            answer["retry_ms"] = retry.retry_delay.ToMilliseconds()
        elif detail.Unpack(request):
            answer["field"] = request.field_violations[0].field
    return answer


with grpc.insecure_channel(sys.argv[1], options=[("grpc.enable_http_proxy", 0)]) as channel:
    for line in sys.stdin:
        print(json.dumps(refusal(channel, json.loads(line))), flush=True)
