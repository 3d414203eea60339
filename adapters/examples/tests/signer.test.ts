import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { digest, KeyError, newProcessId, SPEC_TYPE, Signer, SpecError, specToJson } from "../signer.ts";
import { pem, signer, specOf, vectors } from "./vectors.ts";

for (const { name, spec, args_hex, seed_label, ...sealed } of vectors.specs) {
  test(`a spec is signed byte for byte as by Rust: ${name}`, async () => {
    const made = specOf(spec, args_hex);
    const document = specToJson(made);
    assert.equal(Buffer.from(document).toString(), sealed.document);
    assert.equal(await digest(SPEC_TYPE, document), sealed.digest);
    const signed = await (await signer(seed_label)).signSpec(made);
    assert.deepEqual(signed, { process_id: made.process_id, envelope: sealed.envelope });
  });
}

for (const { field, spec } of vectors.refused) {
  const found = JSON.stringify(spec[field] ?? spec.requires ?? spec.backoff).slice(0, 60);
  test(`a spec that Rust refuses is refused by name: ${found} as ${field}`, () => {
    assert.throws(
      () => specToJson(specOf(spec)),
      (error: Error) => error instanceof SpecError && error.message.startsWith(`\`${field}\` `),
    );
  });
}

test("too many, too large and half characters are refused by name", () => {
  const spec = specOf(vectors.specs[0]!.spec);
  const many = Array.from({ length: 65 }, (_, index) => `name-${index}`);
  const wrong: [string, object][] = [
    ["args", { args: new Uint8Array(1024 * 1024 + 1) }],
    ["executor_names", { executor_names: many }],
    ["labels", { labels: Object.fromEntries(many.map((name) => [name, ""])) }],
    ["labels", { labels: { a: "\ud83d" } }],
    ["parents", { parents: [newProcessId(new Date()).toUpperCase()] }],
    ["submit_by", { submit_by: new Date(Number.NaN) }],
    ["priority", { priority: Number.NaN }],
    ["priority", { priority: 1.5 }],
    ["requires.cpu", { requires: { cpu: 4 } }],
  ];
  for (const [field, change] of wrong) {
    assert.throws(
      () => specToJson({ ...spec, ...change } as typeof spec),
      (error: Error) => error instanceof SpecError && error.message.startsWith(`\`${field}\` `),
      field,
    );
  }
});

test("the largest arguments fit, as JSON and as bytes", async () => {
  const spec = specOf(vectors.specs[0]!.spec);
  for (const filler of ["1", "\u{0}"]) {
    const args = new TextEncoder().encode(filler.repeat(1024 * 1024));
    const document = Buffer.from(specToJson({ ...spec, args }));
    const { envelope } = await (await signer("user")).signSpec({ ...spec, args });
    assert.equal(JSON.parse(envelope).payload, document.toString("base64"));
    const bytes = Buffer.from(args);
    assert.ok(document.includes(filler === "1" ? `"args":${bytes}` : `"args_base64":"${bytes.toString("base64")}"`));
  }
});

test("a process id has its time, and no other has it", () => {
  const now = new Date("2026-11-21T12:00:00.120Z");
  const ids = Array.from({ length: 1000 }, () => newProcessId(now));
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^01a1fdfa-4678-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("a key is read as variables hold it", async () => {
  const { id } = await signer("user");
  const { privateKey } = generateKeyPairSync("ed25519");
  for (const end of ["\n", "\r\n", "\\n", " "]) assert.equal((await Signer.fromPem(pem("user", end))).id, id);
  const jwk = privateKey.export({ format: "jwk" });
  const own = await Signer.fromPem(privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  assert.equal(own.id, `ed25519:${jwk.x}`);
  // RFC 5958's second version, with the public half behind the seed.
  const seed = Buffer.from(String(jwk.d), "base64url");
  const parts = [Buffer.from("3051020101300506032b657004220420", "hex"), seed, Buffer.from("812100", "hex")];
  const der = Buffer.concat([...parts, Buffer.from(String(jwk.x), "base64url")]).toString("base64");
  assert.equal((await Signer.fromPem(`-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----`)).id, own.id);
});

test("what is no key is refused in clear words, and not quoted", async () => {
  const made = generateKeyPairSync("ed25519");
  const other = generateKeyPairSync("x25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const curve = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
  const locked = made.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "p" });
  const open = made.publicKey.export({ type: "spki", format: "pem" });
  const wrong: [string, RegExp][] = [
    ["", /PKCS#8 PEM/],
    ["sk_live_secret", /PKCS#8 PEM/],
    [String(open), /PKCS#8 PEM/],
    [String(locked), /is encrypted/],
    [other, /must be Ed25519/],
    [String(curve), /must be Ed25519/],
    ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", /must be Ed25519/],
    ["-----BEGIN PRIVATE KEY-----\nA=A\n-----END PRIVATE KEY-----", /not base64/],
  ];
  for (const [text, problem] of wrong) {
    await assert.rejects(Signer.fromPem(text), (error: Error) => {
      assert.ok(error instanceof KeyError);
      assert.match(error.message, problem);
      assert.ok(!text || !error.message.includes(text));
      return true;
    });
  }
});

test("a signer shows no key", async () => {
  const made = await signer("user");
  assert.deepEqual(Object.entries(made), [["id", made.id]]);
});
