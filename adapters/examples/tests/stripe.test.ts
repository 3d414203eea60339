import assert from "node:assert/strict";
import { test } from "node:test";
import { specToJson } from "../signer.ts";
import { eventKey, readEvent, Refusal, signingSecrets, stripeSpec, verify } from "../stripe.ts";
import { secret, signer, vectors } from "./vectors.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

for (const { header, secret_labels, body, now, reason } of vectors.signatures) {
  test(`a signature counts as in the webhook adapter: ${reason ?? "accepted"}, ${header.slice(0, 90)}`, async () => {
    const checked = verify(header, bytes(body), secret_labels.map(secret), new Date(now));
    if (reason === null) return checked;
    await assert.rejects(checked, (error: Error) => error instanceof Refusal && error.reason === reason);
  });
}

test("a changed body, and no header, are refused", async () => {
  const { header, secret_labels, body, now } = vectors.signatures[0]!;
  const secrets = secret_labels.map(secret);
  const reasons: [string | null, string, string][] = [
    [header, `${body} `, "SIGNATURE_INVALID"],
    [null, body, "SIGNATURE_MISSING"],
  ];
  for (const [header, body, reason] of reasons) {
    const checked = verify(header, bytes(body), secrets, new Date(now));
    await assert.rejects(checked, (error: Error) => error instanceof Refusal && error.reason === reason);
  }
});

for (const { name, body, now, colony, process_id, key, seed_label, ...sealed } of vectors.events) {
  test(`an event becomes the spec of the webhook adapter: ${name}`, async () => {
    const event = readEvent(bytes(body));
    assert.equal(eventKey(event), key);
    const spec = { ...stripeSpec(colony, event, bytes(body), new Date(now)), process_id };
    assert.equal(Buffer.from(specToJson(spec)).toString(), sealed.document);
    assert.equal((await (await signer(seed_label)).signSpec(spec)).envelope, sealed.envelope);
  });
}

test("what is no event is refused and not quoted", () => {
  const event = { id: "evt_1", type: "invoice.paid", livemode: true };
  const wrong = [
    "",
    "null",
    "[]",
    "7",
    "sk_live_secret",
    ...["", "evt_", "cus_1", "evt_a:b", "evt_a\n", "evt_ü", `evt_${"a".repeat(252)}`, 7, null].map((id) => ({
      ...event,
      id,
    })),
    ...["", "a b", "a\n", "<script>", "a".repeat(256), 7].map((type) => ({ ...event, type })),
    ...["true", 1, null].map((livemode) => ({ ...event, livemode })),
    ...["", "acct_", "evt_1", "acct_1:", 7].map((account) => ({ ...event, account })),
    ...["", "acct_1:", "acct_1//", 7].map((context) => ({ ...event, object: "v2.core.event", context })),
  ].map((body) => bytes(typeof body === "string" ? body : JSON.stringify(body)));
  for (const body of [...wrong, Uint8Array.of(0x7b, 0xff, 0x7d)]) {
    assert.throws(
      () => readEvent(body),
      (error: Error) => error instanceof Refusal && error.status === 400 && !error.message.includes("sk_live"),
      Buffer.from(body).toString(),
    );
  }
});

test("only signing secrets are taken, one to eight", () => {
  const one = "whsec_of_this_test_only";
  assert.deepEqual(signingSecrets(`${one}, ${one}_2`), [one, `${one}_2`]);
  const wrong = ["", "sk_live_secret", "whsec_", "whsec_fifteen_letters", `${one},`, `${one} b`];
  for (const text of [...wrong, Array(9).fill(one).join(",")]) {
    assert.throws(
      () => signingSecrets(text),
      (error: Error) => !error.message.includes("live_secret"),
      text,
    );
  }
});
