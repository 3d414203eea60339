"""Checks an exported process (verify_bundle.py FILE COLONY) by docs/protocol.md, with Python's own library alone."""

import base64, hashlib, json, re, sys
from datetime import datetime

# Ed25519 (RFC 8032, section 5.1), for checking.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    e, f, g, h = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2), 2 * D * t1 * t2, 2 * z1 * z2
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P
def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result
def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert y < P and (x * x - x2) % P == 0, "no point of the curve"
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P
BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 == (a[1] * b[2] - b[1] * a[2]) % P
def ed25519(key, message, signature):
    r, s = point(signature[:32]), int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    small = [p for p in (point(key), r) if same(times(8, p), (0, 1, 1, 0))]
    assert s < L and not small and same(times(s, BASE), add(r, times(k, point(key)))), "the signature does not hold"
def encoding(kind, payload):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)

def decoded(text):
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
def opened(envelope, kind, signer):
    """Returns the document and its digest, once the signature by the signer holds."""
    payload, [signature] = decoded(envelope["payload"]), envelope["signatures"]
    shown = envelope["payloadType"], signature["keyid"]
    assert shown == (f"application/vnd.apiary.{kind}.v1+json", signer), f"another type than {kind}, or another signer"
    message, signature = encoding(shown[0], payload), decoded(signature["sig"])
    digest = root = hashlib.sha256(b"\0" + message).digest()
    if len(signature) != 64:
        index, last = int.from_bytes(signature[64:68], "big"), int.from_bytes(signature[68:72], "big") - 1
        assert index <= last in range(1, 1024) and len(signature) % 32 == 8, "no place in a batch"
        size = last + 1
        for at in range(72, len(signature), 32):
            sibling = signature[at : at + 32]
            assert last > 0, "the path is too long"
            right = index & 1 or index == last
            root = hashlib.sha256(b"\1" + (sibling + root if right else root + sibling)).digest()
            while right and not index & 1:
                index, last = index >> 1, last >> 1
            index, last = index >> 1, last >> 1
        assert last == 0, "the path is too short"
        message = encoding("application/vnd.apiary.batch.v1", root + size.to_bytes(8, "big"))
    ed25519(base64.urlsafe_b64decode(signer.removeprefix("ed25519:") + "="), message, signature[:64])
    return json.loads(payload), digest.hex()

def may(grant, function, executor_type):
    for patterns, name in (grant["scopes"]["functions"], function), (grant["scopes"]["executor_types"], executor_type):
        assert any(name.startswith(p[:-1]) if p.endswith("*") else name == p for p in patterns), f"no grant for {name}"
def seconds(time):
    whole = datetime.fromisoformat(re.sub(r"\.\d+", "", time.upper()).replace("Z", "+00:00"))
    return whole.timestamp() + float("0" + "".join(re.findall(r"\.\d+", time)))

def in_force(grant, moment):
    assert seconds(grant["valid_from"]) <= moment < seconds(grant["valid_until"]), "the grant is not in force"

if not __debug__: sys.exit("run it without -O: its checks are assertions")
bundle, colony, outcome = json.load(open(sys.argv[1])), sys.argv[2], None
grant, _ = opened(bundle["submitter_grant"], "grant", colony)
spec, digest = opened(bundle["spec"], "spec", grant["key"])
about = bundle["format"], bundle["colony"], grant["colony"], spec["colony"], spec["process_id"]
assert about == ("apiary.process.v1", *3 * [colony], bundle["process"]["process_id"]), "another format, colony or process"
may(grant, spec["function"], spec["executor_type"])
in_force(grant, int(spec["process_id"].replace("-", "")[:12], 16) / 1000)
first = bundle["attempts"][0]["attempt"] if bundle["attempts"] else 1
for number, attempt in enumerate(bundle["attempts"], first):
    grant, _ = opened(attempt["executor_grant"], "grant", colony)
    assert (grant["colony"], grant["role"], attempt["attempt"]) == (colony, "executor", number), "the executor's grant"
    outcome = None
    if attempt["result"]:
        result, _ = opened(attempt["result"], "result", grant["key"])
        outcome, about = result["outcome"], (result["colony"], result["process_id"], result["attempt"])
        assert about == (colony, spec["process_id"], number), "another process's result"
        assert outcome == "refused" or result["spec_digest"] == digest, "another spec's result"
        done = spec["function"] if outcome == "succeeded" else grant["scopes"]["functions"][0]
        may(grant, done, spec["executor_type"])
        in_force(grant, seconds(result["finished_at"]))
assert (bundle["process"]["state"] == "succeeded") == (outcome == "succeeded"), "the state is not the signed one"
print(f"{spec['process_id']} holds: {spec['function']}, {outcome or 'nothing signed yet'}")
